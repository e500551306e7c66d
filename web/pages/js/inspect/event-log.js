// The inspector's list: the newest events, filtered, drawn once a frame at most. Knows nothing of the connection.

import * as units from "../units.js";
import { eventRow } from "./event-row.js";

/** @typedef {import("./event-row.js").Arrival} Arrival */
/** @typedef {import("./event-row.js").View} View */

/** Events that are kept; past it the oldest go. */
const KEPT = 500;

export class EventLog {
  #list;
  #shown;
  #resume;
  /** Oldest first. @type {Arrival[]} */
  #kept = [];
  /** Arrived since the list was last drawn. */
  #waiting = 0;
  #paused = false;
  #filter = "";
  /** @type {View} */
  #view = "pretty";
  #frame = 0;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} shown says how much of it is shown
   * @param {(id: string) => void} resume
   */
  constructor(list, shown, resume) {
    this.#list = list;
    this.#shown = shown;
    this.#resume = resume;
    document.addEventListener("visibilitychange", () => this.#schedule());
  }

  /** @param {Arrival} arrival */
  add(arrival) {
    this.#kept.push(arrival);
    this.#waiting += 1;
    // Cut now and then, and not at each event.
    if (this.#kept.length > 2 * KEPT) this.#kept = this.#kept.slice(-KEPT);
    this.#schedule();
  }

  clear() {
    this.#kept = [];
    this.#redraw();
  }

  /** @param {boolean} paused */
  setPaused(paused) {
    this.#paused = paused;
    this.#schedule();
  }

  /** @param {string} text */
  setFilter(text) {
    this.#filter = text.trim().toLowerCase();
    this.#redraw();
  }

  /** Rows that are open are shown anew. @param {View} view */
  setView(view) {
    this.#view = view;
    for (const details of this.#list.querySelectorAll("details[open]")) details.dispatchEvent(new Event("toggle"));
  }

  #schedule() {
    if (this.#frame !== 0 || document.hidden) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#paused) this.#draw(this.#kept.slice(-Math.min(this.#waiting, KEPT)));
      this.#tell();
    });
  }

  #redraw() {
    this.#list.replaceChildren();
    this.#draw(this.#kept.slice(-KEPT));
    this.#tell();
  }

  /** Puts these, which are newer than all rows, on top. @param {Arrival[]} arrivals */
  #draw(arrivals) {
    this.#waiting = 0;
    const wanted = arrivals.filter((arrival) => this.#wants(arrival)).reverse();
    this.#list.prepend(...wanted.map((arrival) => eventRow(arrival, () => this.#view, this.#resume)));
    while (this.#list.children.length > KEPT) this.#list.lastElementChild?.remove();
  }

  /** @param {Arrival} arrival */
  #wants({ type, topic, lastEventId, data }) {
    if (!this.#filter) return true;
    return [type, topic ?? "", lastEventId, data].some((text) => text.toLowerCase().includes(this.#filter));
  }

  #tell() {
    const kept = Math.min(this.#kept.length, KEPT);
    const rows = this.#list.children.length;
    const words = this.#filter ? `${units.count(rows)} of the newest ${units.count(kept)} events contain the text.` : `The newest ${units.count(rows)} events.`;
    const waiting = this.#paused && this.#waiting > 0 ? ` ${units.count(this.#waiting)} came since you paused.` : "";
    this.#shown.textContent = kept === 0 ? "Nothing has come yet." : words + waiting;
  }
}
