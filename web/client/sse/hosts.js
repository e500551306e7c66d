// Chooses the host that holds this tab's connection: a SharedWorker, else the leader among the tabs, else the tab itself.

import { leaderHost, connectLocally } from "./leader-host.js";
import { holdLock } from "./liveness.js";
import { TabRegistry } from "./tab-registry.js";
import { Tab } from "./tab.js";
import { workerHost } from "./worker-host.js";

/** @type {Tab | null} */
let tab = null;
/** Resolves with what leaves the current host. @type {Promise<() => void> | null} */
let session = null;

/** This tab, connected to its host. */
export function sharedTab() {
  if (!tab) {
    tab = new Tab();
    session = start(tab);
    // A page in the back/forward cache must not keep its subscriptions.
    addEventListener("pagehide", stop);
    addEventListener("pageshow", resume);
  }
  return tab;
}

/** @param {Tab} tab */
async function start(tab) {
  const { name, release } = await holdLock();
  const end = (await workerHost(tab, name, restart)) ?? leaderHost(tab, name) ?? localHost(tab);
  return () => {
    tab.leaveHost();
    end();
    release();
  };
}

function stop() {
  void session?.then((end) => end());
  session = null;
}

function resume() {
  if (tab && !session) session = start(tab);
}

function restart() {
  stop();
  resume();
}

/** @param {Tab} tab */
function localHost(tab) {
  const registry = new TabRegistry();
  connectLocally(registry, tab);
  return () => registry.close();
}
