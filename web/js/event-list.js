// A bounded list of arriving events, newest first. Shows them as text; knows nothing of the connection.

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
  const item = document.createElement("li");
  item.className = type === "message" ? "event-message" : `event-typed${type === "gap" ? " event-gap" : ""}`;
  const time = document.createElement("time");
  time.textContent = units.clock(at);
  const name = document.createElement("span");
  name.className = "event-type";
  name.textContent = type;
  const text = document.createElement("span");
  text.className = "event-text";
  text.textContent = summary(type, data);
  item.append(time, name, text);
  return item;
}

/**
 * The line worth reading: the text of a message, the main figures of a sample, else the data itself.
 * @param {string} type
 * @param {string} data
 */
function summary(type, data) {
  const raw = data.slice(0, MAX_TEXT);
  try {
    const value = JSON.parse(data);
    if (type === "message" && typeof value.message === "string") return value.message.slice(0, MAX_TEXT);
    if (type !== "metrics") return raw;
    return `load ${units.load(value.cpuLoad)} · CPU ${units.percent(value.cpuUsage)} · ${units.megabytes(value.freeMemory)} free · up ${units.duration(value.uptime)}`;
  } catch {
    return raw;
  }
}
