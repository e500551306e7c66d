// One of the tabs as host of all, where there is no SharedWorker: the tab that holds a Web Lock is the leader, the others
// talk to it by BroadcastChannel. When it goes, the next one in the lock's queue takes over.

import { locks, randomName, SCOPE } from "./liveness.js";
import { Reception } from "./reception.js";

/** @typedef {import("./tab.js").Tab} Tab */
/** @typedef {import("./reception.js").TabMessage} TabMessage */

const LEADER = `${SCOPE} leader`;

/** @param {string} tab */
const channelName = (tab) => `${SCOPE} tab ${tab}`;

/**
 * What ends it; null where there are no locks or no channels.
 * @param {Tab} tab
 * @param {string | null} lock
 * @returns {(() => void) | null}
 */
export function leaderHost(tab, lock) {
  const manager = locks();
  if (!manager || lock === null || typeof BroadcastChannel === "undefined") return null;
  const name = randomName();
  const office = new BroadcastChannel(LEADER);
  const own = new BroadcastChannel(channelName(name));
  const ending = new AbortController();
  const send = (/** @type {TabMessage} */ message) => office.postMessage({ tab: name, message });
  own.onmessage = ({ data }) => tab.receive(data);
  office.onmessage = ({ data }) => {
    if (data === LEADER) tab.useHost(send, lock);
  };
  tab.useHost(send, lock);
  manager.request(LEADER, { signal: ending.signal }, () => lead(tab, office, ending.signal)).catch(() => {});
  return () => {
    ending.abort();
    office.close();
    own.close();
  };
}

/**
 * Leads until the signal: as long as this promise is open, the lock is held.
 * @param {Tab} tab
 * @param {BroadcastChannel} office
 * @param {AbortSignal} signal
 */
function lead(tab, office, signal) {
  /** @type {Map<string, BroadcastChannel>} */
  const channels = new Map();
  const channelTo = (/** @type {string} */ name) => {
    const channel = channels.get(name) ?? new BroadcastChannel(channelName(name));
    channels.set(name, channel);
    return channel;
  };
  const reception = new Reception((name) => {
    channels.get(name)?.close();
    channels.delete(name);
  });
  office.onmessage = ({ data }) => {
    if (data.message) reception.receive(data.tab, data.message, (message) => channelTo(data.tab).postMessage(message));
  };
  talkTo(reception, tab);
  office.postMessage(LEADER);
  return new Promise((done) => {
    signal.addEventListener("abort", () => {
      reception.close();
      done(undefined);
    });
  });
}

/**
 * The host is in the tab itself.
 * @param {Reception} reception
 * @param {Tab} tab
 */
export function talkTo(reception, tab) {
  // Later, as from any other host: a client must not be told anything while it is still being made.
  tab.useHost((message) => reception.receive("own", message, (answer) => queueMicrotask(() => tab.receive(answer))), null);
}
