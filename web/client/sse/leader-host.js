// One of the tabs as host of all, where there is no SharedWorker. The tab that holds a Web Lock is the leader; the others reach
// it over a BroadcastChannel. When it goes, the next tab in the lock's queue takes over.

import { locks, randomName, SCOPE } from "./liveness.js";
import { TabRegistry } from "./tab-registry.js";

/** @typedef {import("./tab.js").Tab} Tab */
/** @typedef {import("./tab-registry.js").TabMessage} TabMessage */

const LEADER = `${SCOPE} leader`;

/** @param {string} tab */
const channelName = (tab) => `${SCOPE} tab ${tab}`;

/**
 * Joins the election. Returns what leaves it; null where there are no locks or channels.
 * @param {Tab} tab
 * @param {string | null} lock
 * @returns {(() => void) | null}
 */
export function leaderHost(tab, lock) {
  const manager = locks();
  if (!manager || lock === null || typeof BroadcastChannel === "undefined") return null;
  const name = randomName();
  const leaderChannel = new BroadcastChannel(LEADER);
  const own = new BroadcastChannel(channelName(name));
  const ending = new AbortController();
  const send = (/** @type {TabMessage} */ message) => leaderChannel.postMessage({ tab: name, message });
  own.onmessage = ({ data }) => tab.receive(data);
  leaderChannel.onmessage = ({ data }) => {
    if (data === LEADER) tab.useHost(send, lock);
  };
  tab.useHost(send, lock);
  manager.request(LEADER, { signal: ending.signal }, () => lead(tab, leaderChannel, ending.signal)).catch(() => {});
  return () => {
    ending.abort();
    leaderChannel.close();
    own.close();
  };
}

/**
 * Leads until the signal: the lock is held while this promise is pending.
 * @param {Tab} tab
 * @param {BroadcastChannel} leaderChannel
 * @param {AbortSignal} signal
 */
function lead(tab, leaderChannel, signal) {
  /** @type {Map<string, BroadcastChannel>} */
  const channels = new Map();
  const channelTo = (/** @type {string} */ name) => {
    const channel = channels.get(name) ?? new BroadcastChannel(channelName(name));
    channels.set(name, channel);
    return channel;
  };
  const registry = new TabRegistry((name) => {
    channels.get(name)?.close();
    channels.delete(name);
  });
  leaderChannel.onmessage = ({ data }) => {
    if (data.message) registry.receive(data.tab, data.message, (message) => channelTo(data.tab).postMessage(message));
  };
  connectLocally(registry, tab);
  leaderChannel.postMessage(LEADER);
  return new Promise((done) => {
    signal.addEventListener("abort", () => {
      registry.close();
      done(undefined);
    });
  });
}

/**
 * Connects a tab to a registry in the same context.
 * @param {TabRegistry} registry
 * @param {Tab} tab
 */
export function connectLocally(registry, tab) {
  // Asynchronously, as any other host answers: a client must not be called back while it is being constructed.
  tab.useHost((message) => registry.receive("own", message, (answer) => queueMicrotask(() => tab.receive(answer))), null);
}
