// All subscribers of a browser: puts each on a line to its server that has room for its topics. There is one switchboard
// for all tabs, wherever it lives.

import { Line } from "./line.js";
import { Subscriber } from "./subscriber.js";

/** @typedef {import("./subscriber.js").Wish} Wish */
/** @typedef {import("./subscriber.js").SubscriberListener} SubscriberListener */

export class Switchboard {
  /** By server. @type {Map<string, Set<Line>>} */
  #lines = new Map();

  /**
   * @param {Wish} wish
   * @param {SubscriberListener} listener
   */
  attach(wish, listener) {
    return new Subscriber(wish, (subscriber) => this.#lineFor(subscriber), listener);
  }

  /**
   * The first line that has room, else a new one. More than one is needed only when all topics together are more than a
   * stream takes.
   * @param {Subscriber} subscriber
   */
  #lineFor({ wish, topics, patience }) {
    const key = `${wish.credentials} ${wish.url}`;
    const lines = this.#lines.get(key) ?? new Set();
    this.#lines.set(key, lines);
    for (const line of lines) if (line.hasRoom(topics)) return line;
    const target = { url: new URL(wish.url), pollUrl: new URL(wish.pollUrl), credentials: wish.credentials };
    const line = new Line(target, patience, () => {
      lines.delete(line);
      if (lines.size === 0) this.#lines.delete(key);
    });
    lines.add(line);
    return line;
  }
}
