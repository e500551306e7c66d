// A bounded list of arriving events, newest first. Shows them as text; knows nothing of the connection.

import { element } from "./element.js";
import { parsed } from "./json.js";
import * as units from "./units.js";

/** Events that are kept and shown; past it the oldest go. */
const MAX_EVENTS = 100;
/** Characters of an event's data that one line shows. */
const MAX_TEXT = 300;

/** @typedef {{type: string, data: string, at: number}} Entry */

export class EventList {
  #root;
  #paused = false;
  /** Arrived and not drawn yet, oldest first. @type {Entry[]} */
  #waiting = [];
  #frame = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    document.addEventListener("visibilitychange", () => this.#schedule());
  }

  /** @param {MessageEvent<string>} event */
  add(event) {
    this.#waiting.push({ type: event.type, data: event.data, at: Date.now() / 1000 });
    if (this.#waiting.length > MAX_EVENTS) this.#waiting.shift();
    this.#schedule();
  }

  /** @param {boolean} paused */
  setPaused(paused) {
    this.#paused = paused;
    this.#schedule();
  }

  #schedule() {
    if (this.#paused || document.hidden || this.#frame !== 0 || this.#waiting.length === 0) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      if (!this.#paused) this.#draw();
    });
  }

  #draw() {
    this.#root.prepend(...this.#waiting.reverse().map(row));
    this.#waiting = [];
    while (this.#root.children.length > MAX_EVENTS) this.#root.lastElementChild?.remove();
  }
}

/** @param {Entry} entry */
function row({ type, data, at }) {
  const kind = type === "message" ? "event-message" : `event-typed${type === "gap" ? " event-gap" : ""}`;
  return element(
    "li",
    kind,
    element("time", "", units.clock(at)),
    element("span", "event-type", type),
    element("span", "event-text", summary(type, data)),
  );
}

/**
 * The line worth reading: the text of a message, the main figures of a sample, else the data itself.
 * @param {string} type
 * @param {string} data
 */
function summary(type, data) {
  const value = parsed(data);
  if (type === "message" && typeof value?.message === "string") return value.message.slice(0, MAX_TEXT);
  if (type !== "metrics" || value === null) return data.slice(0, MAX_TEXT);
  return `load ${units.load(value.cpuLoad)} · CPU ${units.percent(value.cpuUsage)} · ${units.megabytes(value.freeMemory)} free · up ${units.duration(value.uptime)}`;
}
