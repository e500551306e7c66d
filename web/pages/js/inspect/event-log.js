// The inspector's list: the newest events, filtered, drawn at most once a frame. Knows nothing of the connection.

import * as units from "../units.js";
import { eventRow } from "./event-row.js";

/** @typedef {import("./event-row.js").Arrival} Arrival */
/** @typedef {import("./event-row.js").View} View */

/** Limit of the list; above it the oldest events are dropped. */
const MAX_EVENTS = 500;

export class EventLog {
  #list;
  #shown;
  #resume;
  /** Oldest first. @type {Arrival[]} */
  #events = [];
  /** Arrived since the list was drawn. */
  #waiting = 0;
  #paused = false;
  #filter = "";
  /** @type {View} */
  #view = "pretty";
  #frame = 0;

  /**
   * @param {HTMLElement} list
   * @param {HTMLElement} shown says how many of them are shown
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
    this.#events.push(arrival);
    this.#waiting += 1;
    // Trimmed in batches, not with each event.
    if (this.#events.length > 2 * MAX_EVENTS) this.#events = this.#events.slice(-MAX_EVENTS);
    this.#schedule();
  }

  clear() {
    this.#events = [];
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

  /** Redraws the open rows. @param {View} view */
  setView(view) {
    this.#view = view;
    for (const details of this.#list.querySelectorAll("details[open]")) details.dispatchEvent(new Event("toggle"));
  }

  #schedule() {
    if (this.#frame !== 0 || document.hidden) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#paused) this.#draw(this.#events.slice(-Math.min(this.#waiting, MAX_EVENTS)));
      this.#tell();
    });
  }

  #redraw() {
    this.#list.replaceChildren();
    this.#draw(this.#events.slice(-MAX_EVENTS));
    this.#tell();
  }

  /** Puts these, which are newer than every row, on top. @param {Arrival[]} arrivals */
  #draw(arrivals) {
    this.#waiting = 0;
    const wanted = arrivals.filter((arrival) => this.#wants(arrival)).reverse();
    this.#list.prepend(...wanted.map((arrival) => eventRow(arrival, () => this.#view, this.#resume)));
    while (this.#list.children.length > MAX_EVENTS) this.#list.lastElementChild?.remove();
  }

  /** @param {Arrival} arrival */
  #wants({ type, topic, lastEventId, data }) {
    if (!this.#filter) return true;
    return [type, topic ?? "", lastEventId, data].some((text) => text.toLowerCase().includes(this.#filter));
  }

  #tell() {
    const held = Math.min(this.#events.length, MAX_EVENTS);
    const rows = this.#list.children.length;
    const words = this.#filter ? `${units.count(rows)} of the newest ${units.count(held)} events contain the text.` : `The newest ${units.count(rows)} events.`;
    const waiting = this.#paused && this.#waiting > 0 ? ` ${units.count(this.#waiting)} since you paused.` : "";
    this.#shown.textContent = held === 0 ? "No events yet." : words + waiting;
  }
}
