// The newest events of a shared connection, so that a member that has just caught up can join without reopening the stream.
// Bounded.

import { compareIds, isPast } from "./ids.js";

/** @typedef {import("./record.js").SseRecord} SseRecord */

/** Above either limit the oldest records are dropped. */
const MAX_RECORDS = 500;
const MAX_CHARACTERS = 1 << 20;

export class Tail {
  /** The tail holds every event after this id. */
  #from = "";
  /** Every event of the connection up to here was received. */
  #end = "";
  /** @type {SseRecord[]} */
  #records = [];
  #characters = 0;

  get end() {
    return this.#end;
  }

  /** Starts over, empty, at this id. @param {string} id */
  restart(id) {
    this.#from = id;
    this.#end = id;
    this.#records = [];
    this.#characters = 0;
  }

  /**
   * @param {SseRecord[]} records
   * @param {string} position
   */
  push(records, position) {
    this.#end = position;
    for (const record of records) {
      this.#records.push(record);
      this.#characters += record.data.length;
    }
    while (this.#records.length > MAX_RECORDS || this.#characters > MAX_CHARACTERS) {
      const oldest = this.#records.shift();
      if (!oldest) return;
      this.#characters -= oldest.data.length;
      this.#from = oldest.lastEventId;
    }
  }

  /** Does it hold every event after `cursor`? @param {string} cursor */
  reachesBackTo(cursor) {
    const order = compareIds(cursor, this.#from);
    return order !== null && order >= 0;
  }

  /** @param {string} cursor */
  after(cursor) {
    return this.#records.filter(({ lastEventId }) => isPast(lastEventId, cursor));
  }
}
