// The SharedWorker as host, one for all tabs of an origin: the tab's side of it.

import { SCOPE, whenGone } from "./liveness.js";

/** @typedef {import("./tab.js").Tab} Tab */

/** The only script that the policy below admits. */
const SCRIPT = new URL("shared-worker.js", import.meta.url).href;
/** Name of the trusted-types policy; the server's Content-Security-Policy allows it by this name. */
const POLICY = "sse-hub-worker";
/** A worker whose script could be loaded reports within this time, even on a slow machine. */
const READY_MS = 10_000;

/** @typedef {{createPolicy: (name: string, rules: {createScriptURL: (url: string) => string}) => {createScriptURL: (url: string) => string}}} TrustedTypes */

/** @type {string | undefined} */
let script;

/** Under a trusted-types policy, a worker's address cannot be a plain string. */
function trustedScript() {
  if (script !== undefined) return script;
  const { trustedTypes } = /** @type {{trustedTypes?: TrustedTypes}} */ (/** @type {unknown} */ (globalThis));
  const policy = trustedTypes?.createPolicy(POLICY, {
    createScriptURL(url) {
      if (url !== SCRIPT) throw new TypeError(`not the worker of sse.js: ${url}`);
      return url;
    },
  });
  script = policy ? policy.createScriptURL(SCRIPT) : SCRIPT;
  return script;
}

/**
 * Resolves with what leaves it, or with null where such a worker cannot be started.
 * @param {Tab} tab
 * @param {string | null} lock
 * @param {() => void} lost the worker is gone
 * @returns {Promise<(() => void) | null>}
 */
export function workerHost(tab, lock, lost) {
  const worker = startWorker();
  if (!worker) return Promise.resolve(null);
  const { port } = worker;
  let stopWaiting = () => {};
  const stop = () => {
    stopWaiting();
    port.close();
  };
  return new Promise((resolve) => {
    const giveUp = () => {
      stop();
      resolve(null);
    };
    const timer = setTimeout(giveUp, READY_MS);
    worker.onerror = giveUp;
    port.onmessage = ({ data }) => {
      if (data.kind !== "ready") return tab.receive(data);
      clearTimeout(timer);
      worker.onerror = null;
      if (data.lock !== null) stopWaiting = whenGone(data.lock, lost);
      tab.useHost((message) => port.postMessage(message), lock);
      resolve(stop);
    };
  });
}

function startWorker() {
  // A page cannot start a worker of another origin, such as that of a hub beside it.
  if (typeof SharedWorker === "undefined" || new URL(SCRIPT).origin !== location.origin) return null;
  try {
    return new SharedWorker(trustedScript(), { type: "module", name: SCOPE });
  } catch {
    // Forbidden by a policy.
    return null;
  }
}
