// The newest records of a line, so that a newcomer who has just caught up need not open the stream anew. Bounded.

import { compareIds, isPast } from "./ids.js";

/** @typedef {import("./poll.js").SseRecord} SseRecord */

/** Past one of them the oldest go. */
const MAX_RECORDS = 500;
const MAX_CHARACTERS = 1 << 20;

export class Tail {
  /** Where the tail begins: what is older is not in it. */
  #from = "";
  /** Every event of the line up to here was received. */
  #end = "";
  /** @type {SseRecord[]} */
  #records = [];
  #characters = 0;

  get end() {
    return this.#end;
  }

  /** Forgets all; what is received from now on comes after this id. @param {string} id */
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

  /** Is all here that a reader at `cursor` lacks? @param {string} cursor */
  reachesBackTo(cursor) {
    const order = compareIds(cursor, this.#from);
    return order !== null && order >= 0;
  }

  /** @param {string} cursor */
  after(cursor) {
    return this.#records.filter(({ lastEventId }) => isPast(lastEventId, cursor));
  }
}
