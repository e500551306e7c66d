// Finds the host that holds the connection for this tab: a SharedWorker, else the leader among the tabs, else the tab itself.

import { leaderHost, talkTo } from "./leader-host.js";
import { holdLock } from "./liveness.js";
import { Reception } from "./reception.js";
import { Tab } from "./tab.js";
import { workerHost } from "./worker-host.js";

/** @type {Tab | null} */
let tab = null;
/** What ends the talk with the host of now. @type {Promise<() => void> | null} */
let talk = null;

/** This tab, in touch with its host. */
export function sharedTab() {
  if (!tab) {
    tab = new Tab();
    talk = start(tab);
    // A page that is left may be kept by the browser for the way back: it must not hold a place in between.
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
  void talk?.then((end) => end());
  talk = null;
}

function resume() {
  if (tab && !talk) talk = start(tab);
}

function restart() {
  stop();
  resume();
}

/** @param {Tab} tab */
function localHost(tab) {
  const reception = new Reception();
  talkTo(reception, tab);
  return () => reception.close();
}
