// Incremental parser of an event stream: bytes in, events out, as the WHATWG standard specifies. Knows nothing of connections
// or timeouts.

/**
 * One event as it stood on the wire.
 * @typedef {object} ParsedEvent
 * @property {string} type `message` when the block names none
 * @property {string} data
 * @property {string | null} id the block's own id, null when it has none
 * @property {string} lastEventId the last event id as of this event
 * @property {string | null} topic the hub's extra field `topic`
 * @property {string | null} time the hub's extra field `time`: when the event was published, RFC 3339
 * @property {string | null} hub the hub's extra field `hub`, on its own blocks alone: `greeting`, `gap` or `end`
 */

/** An event that was dropped because it exceeded a limit. @typedef {{dropped: string}} DroppedEvent */

/**
 * @typedef {object} Limits
 * @property {number} maxLine Longest line in UTF-16 code units, without its end. Default 4 Mi.
 * @property {number} maxEvent Largest event: the values of all fields of a block, plus one for each field. Default 16 Mi.
 */

/** The limits of sse-core, which counts bytes. @type {Limits} */
const LIMITS = { maxLine: 4 << 20, maxEvent: 16 << 20 };

const LINE_END = /\r\n?|\n/g;

const NO_EXTRA = { topic: null, time: null, hub: null };

/** Reads the body of one response; a new response needs a new parser. */
export class SseParser {
  /** The id to resume after; empty when there is none, or when the server has reset it. */
  lastEventId;
  /** The server's latest reconnection time, in ms. @type {number | null} */
  retryMs = null;

  #limits;
  // Drops one leading byte order mark and replaces invalid UTF-8 by U+FFFD, wherever the chunks are cut.
  #decoder = new TextDecoder();
  /** Start of a line whose end has not arrived. */
  #unfinished = "";
  /** The text so far ended in CR, so an LF that comes next belongs to it. */
  #afterCr = false;
  /** The line exceeded its limit: its rest is dropped. */
  #skippingLine = false;
  /** The block exceeded a limit: its lines are dropped up to the blank line. */
  #skippingBlock = false;
  #size = 0;
  /** @type {string[]} */
  #data = [];
  #type = "";
  /** @type {string | null} */
  #id = null;
  /** The hub's extra fields. @type {{topic: string | null, time: string | null, hub: string | null}} */
  #extra = { ...NO_EXTRA };

  /**
   * @param {string} [lastEventId]
   * @param {Limits} [limits]
   */
  constructor(lastEventId = "", limits = LIMITS) {
    this.lastEventId = lastEventId;
    this.#limits = limits;
  }

  /**
   * Takes the next chunk of the body. Returns the events that it completes, in order, and an entry for each dropped one.
   * @param {Uint8Array} bytes
   * @returns {(ParsedEvent | DroppedEvent)[]}
   */
  feed(bytes) {
    const text = this.#decoder.decode(bytes, { stream: true });
    /** @type {(ParsedEvent | DroppedEvent)[]} */
    const found = [];
    if (text === "") return found;
    let start = this.#afterCr && text.startsWith("\n") ? 1 : 0;
    this.#afterCr = text.endsWith("\r");
    LINE_END.lastIndex = start;
    for (let end = LINE_END.exec(text); end; end = LINE_END.exec(text)) {
      this.#endLine(text.slice(start, end.index), found);
      start = LINE_END.lastIndex;
    }
    this.#keep(text.slice(start), found);
    return found;
  }

  /**
   * @param {string} rest
   * @param {(ParsedEvent | DroppedEvent)[]} found
   */
  #endLine(rest, found) {
    const skipped = this.#skippingLine;
    this.#skippingLine = false;
    const line = this.#unfinished + rest;
    this.#unfinished = "";
    if (skipped) return;
    if (line.length > this.#limits.maxLine) this.#drop(`a line is longer than ${this.#limits.maxLine} characters`, found);
    else if (line === "") this.#finish(found);
    else this.#field(line, found);
  }

  /**
   * @param {string} start of a line whose end has not arrived
   * @param {(ParsedEvent | DroppedEvent)[]} found
   */
  #keep(start, found) {
    if (this.#skippingLine) return;
    this.#unfinished += start;
    if (this.#unfinished.length <= this.#limits.maxLine) return;
    this.#unfinished = "";
    this.#skippingLine = true;
    this.#drop(`a line is longer than ${this.#limits.maxLine} characters`, found);
  }

  /**
   * One line that is not blank: a comment, or a name and a value, split at the first colon and one space.
   * @param {string} line
   * @param {(ParsedEvent | DroppedEvent)[]} found
   */
  #field(line, found) {
    const colon = line.indexOf(":");
    if (colon === 0 || this.#skippingBlock) return;
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    this.#size += value.length + 1;
    if (this.#size > this.#limits.maxEvent) {
      this.#drop(`it has more than ${this.#limits.maxEvent} characters`, found);
      return;
    }
    if (name === "data") this.#data.push(value);
    else if (name === "event") this.#type = value;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "topic" || name === "time" || name === "hub") this.#extra[name] = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) this.retryMs = Math.min(Number(value), Number.MAX_SAFE_INTEGER);
  }

  /**
   * The blank line: sets the last event id, then emits the event if it has data.
   * @param {(ParsedEvent | DroppedEvent)[]} found
   */
  #finish(found) {
    if (this.#id !== null) this.lastEventId = this.#id;
    if (this.#data.length > 0) {
      found.push({
        type: this.#type || "message",
        data: this.#data.join("\n"),
        id: this.#id,
        lastEventId: this.lastEventId,
        ...this.#extra,
      });
    }
    this.#clear();
    this.#skippingBlock = false;
  }

  /**
   * Drops the block, its id included.
   * @param {string} why
   * @param {(ParsedEvent | DroppedEvent)[]} found
   */
  #drop(why, found) {
    this.#clear();
    if (this.#skippingBlock) return;
    this.#skippingBlock = true;
    found.push({ dropped: why });
  }

  #clear() {
    this.#size = 0;
    this.#data = [];
    this.#type = "";
    this.#id = null;
    this.#extra = { ...NO_EXTRA };
  }
}
