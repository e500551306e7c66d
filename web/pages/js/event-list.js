// A bounded list of arriving events, newest first. Shows them as text; knows nothing of the connection.

import { element } from "./element.js";
import { parsed } from "./json.js";
import * as units from "./units.js";

/** Limit of events; above it the oldest are dropped. */
const MAX_EVENTS = 100;
/** Characters of an event's data that one line shows. */
const MAX_TEXT = 300;

/** @typedef {{type: string, data: string, lastEventId: string, topic: string | null, time: string | null}} Arrival */
/** @typedef {{type: string, data: string, id: string, topic: string | null, at: number}} Entry */

export class EventList {
  #root;
  #paused = false;
  /** Not drawn yet, oldest first. @type {Entry[]} */
  #waiting = [];
  #frame = 0;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    document.addEventListener("visibilitychange", () => this.#schedule());
  }

  /** Ignores an event that is listed already. @param {Arrival} event */
  add({ type, data, lastEventId, topic, time }) {
    if (topic !== null && this.#has(lastEventId)) return;
    const at = Date.parse(time ?? "") || Date.now();
    this.#waiting.push({ type, data, id: lastEventId, topic, at: at / 1000 });
    if (this.#waiting.length > MAX_EVENTS) this.#waiting.shift();
    this.#schedule();
  }

  /** @param {string} id */
  #has(id) {
    const rows = [...this.#root.children];
    return this.#waiting.some((entry) => entry.id === id) || rows.some((row) => row instanceof HTMLElement && row.dataset.id === id);
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
function row({ type, data, id, topic, at }) {
  const kind = type === "message" ? "event-message" : `event-typed${type === "gap" ? " event-gap" : ""}`;
  const made = element(
    "li",
    kind,
    element("time", "", units.clock(at)),
    element("span", "event-type", topic === null || topic === type ? type : type === "message" ? topic : `${topic} · ${type}`),
    element("span", "event-text", summary(type, data)),
  );
  made.dataset.id = id;
  return made;
}

/**
 * The essence of an event: a text, the main figures of a sample, else the data itself.
 * @param {string} type
 * @param {string} data
 */
function summary(type, data) {
  return (knownText(type, data) ?? data).slice(0, MAX_TEXT);
}

/**
 * The text of an event of a known type; null when its data has another form. Anybody can publish to the topic.
 * @param {string} type
 * @param {string} data
 * @returns {string | null}
 */
function knownText(type, data) {
  const value = parsed(data);
  return value === null ? null : (TEXTS.get(type)?.(value) ?? null);
}

/** @type {Map<string, (value: any) => string | null>} */
const TEXTS = new Map([
  ["message", ({ message }) => text(message)],
  ["metrics", sample],
  ["notification", ({ title }) => text(title)],
  ["newMessage", ({ username, text: said }) => text(username) && text(said) && `${username}: ${said}`],
  ["userConnected", ({ username }) => text(username)],
  ["userDisconnected", ({ username }) => text(username)],
]);

/** @param {unknown} value */
const text = (value) => (typeof value === "string" ? value : null);

/** @param {any} value */
function sample({ cpuLoad, cpuUsage, freeMemory, uptime }) {
  return `load ${units.load(cpuLoad)} · CPU ${units.percent(cpuUsage)} · ${units.gibibytes(freeMemory)} free · up ${units.duration(uptime)}`;
}
