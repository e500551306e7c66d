// The inspector's figures: events, rate, bytes, gaps, connections. Drawn at most twice a second.

import { write } from "../element.js";
import * as units from "../units.js";

/** Window of the rate, seconds. */
const WINDOW = 5;
const DRAW_MS = 500;

export class Counters {
  #root;
  #events = 0;
  #bytes = 0;
  #gaps = 0;
  #connections = 0;
  /** Events by second, of the last few seconds. @type {Map<number, number>} */
  #seconds = new Map();

  /** @param {ParentNode} root */
  constructor(root) {
    this.#root = root;
    setInterval(() => document.hidden || this.#draw(), DRAW_MS);
  }

  /** @param {import("./event-row.js").Arrival} arrival */
  event({ type, bytes, at }) {
    this.#events += 1;
    this.#bytes += bytes;
    if (type === "gap") this.#gaps += 1;
    const second = Math.floor(at / 1000);
    this.#seconds.set(second, (this.#seconds.get(second) ?? 0) + 1);
    if (this.#seconds.size > WINDOW + 1) this.#seconds.delete(Math.min(...this.#seconds.keys()));
  }

  connected() {
    this.#connections += 1;
  }

  clear() {
    this.#events = this.#bytes = this.#gaps = this.#connections = 0;
    this.#seconds.clear();
    this.#draw();
  }

  #draw() {
    const now = Math.floor(Date.now() / 1000);
    let recent = 0;
    for (const [second, count] of this.#seconds) if (second >= now - WINDOW && second < now) recent += count;
    this.#write("events", units.count(this.#events));
    this.#write("rate", units.decimal(recent / WINDOW));
    this.#write("bytes", units.bytes(this.#bytes));
    this.#write("gaps", units.count(this.#gaps));
    this.#write("connections", units.count(this.#connections));
  }

  /** @param {string} name @param {string} text */
  #write(name, text) {
    write(this.#root.querySelector(`[data-counter="${name}"]`), text);
  }
}
