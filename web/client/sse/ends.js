// Which topics of a subscription are closed, as far as its records tell. Once all are, nothing comes any more.

import { isEnd, isGap } from "./record.js";

/** @typedef {import("./record.js").SseRecord} SseRecord */

/** Nothing comes of the request any more: every topic is closed, and everything was delivered. No failure: there is nothing to retry. */
export class Ended extends Error {
  constructor() {
    super("nothing comes any more");
  }
}

export class Ends {
  /** At most one for each selector. @type {Set<string>} */
  #closed = new Set();

  /**
   * Takes records in order. True when one of them closes one of these topics.
   * @param {SseRecord[]} records
   * @param {string[]} topics
   */
  note(records, topics) {
    let closing = false;
    for (const record of records) {
      const { topic } = record;
      if (topic === null) {
        // What is missing may be that a topic was deleted and published again.
        if (isGap(record)) this.#closed.clear();
      } else if (!isEnd(record)) {
        // Deleted, or published again after that.
        this.#closed.delete(topic);
      } else if (topics.includes(topic)) {
        this.#closed.add(topic);
        closing = true;
      }
    }
    return closing;
  }

  /** Are all of these known to be closed? A selector such as `prefix/*` never is. @param {string[]} topics */
  cover(topics) {
    return topics.length > 0 && topics.every((topic) => this.#closed.has(topic));
  }
}
