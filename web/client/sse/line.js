// One connection shared by many subscribers: asks for the union of their topics, and gives each what it wants, once.
// Knows no tabs; a subscriber that joins has caught up by itself.

import { Connection } from "./connection.js";
import { compareIds, isPast } from "./ids.js";
import { leastPatience } from "./patience.js";
import { cover, fewest } from "./selectors.js";
import { Tail } from "./tail.js";

/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./connection.js").Target} Target */
/** @typedef {import("./patience.js").Patience} Patience */
/** @typedef {import("./poll.js").SseRecord} SseRecord */

/**
 * @typedef {object} Member
 * @property {string[]} topics
 * @property {string} cursor every wanted event up to here was given to it
 * @property {Patience} patience
 * @property {(records: SseRecord[]) => void} receive wanted records; `cursor` is moved already
 * @property {() => void} changed the line's status is new
 * @property {() => void} recover it lost its place: it is no member any more and shall catch up by itself
 * @property {(problem: string) => void} refuse the server does not want the line
 */

/** Most selectors that a hub takes for one stream. */
export const MAX_SELECTORS = 100;
/** Newcomers of so long are gathered, so that ten tabs that open at once cost one new stream. */
const GATHER_MS = 50;
/** Topics that nobody wants any more are kept for so long: a page that is left is often followed by the next. */
const LINGER_MS = 2000;
/** Reasons of a gap after which a look at one's own topics tells whether anything of them is missing. */
const RECOVERABLE = ["unknown-id", "expired"];

export class Line {
  /** @type {Set<Member>} */
  #members = new Set();
  /** Not asked for yet. @type {Set<Member>} */
  #waiting = new Set();
  #connection;
  #tail = new Tail();
  /** What the stream was asked for; empty while there is none. @type {string[]} */
  #union = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ended;

  /**
   * @param {Target} target
   * @param {Patience} patience
   * @param {() => void} ended nobody is left
   */
  constructor(target, patience, ended) {
    this.#ended = ended;
    this.#connection = new Connection(target, patience, {
      received: (records, position) => this.#received(records, position),
      changed: () => this.#changed(),
    });
  }

  /** @returns {Status} */
  get status() {
    return this.#connection.status;
  }

  /** Can these topics be added without asking for more than a stream takes? @param {string[]} topics */
  hasRoom(topics) {
    return fewest([...this.#wanted(), ...topics]).length <= MAX_SELECTORS;
  }

  /** @param {Member} member */
  join(member) {
    if (member.topics.every((topic) => cover(this.#union, topic)) && this.#tail.reachesBackTo(member.cursor)) {
      this.#members.add(member);
      give(member, this.#tail.after(member.cursor), this.#tail.end);
    } else {
      this.#waiting.add(member);
      this.#plan(GATHER_MS);
    }
  }

  /** @param {Member} member */
  leave(member) {
    this.#members.delete(member);
    this.#waiting.delete(member);
    this.#plan(LINGER_MS);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  #wanted() {
    return [...this.#members, ...this.#waiting].flatMap(({ topics }) => topics);
  }

  /** @param {number} ms */
  #plan(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reopen(), this.#waiting.size > 0 ? Math.min(ms, GATHER_MS) : ms);
  }

  /** Opens the stream anew if what is wanted is not what it was asked for. */
  #reopen() {
    const union = fewest(this.#wanted());
    const same = union.join() === this.#union.join() && this.#waiting.size === 0;
    for (const member of this.#waiting) this.#members.add(member);
    this.#waiting.clear();
    const oldest = this.#oldest();
    this.#union = union;
    if (oldest === undefined) {
      this.#connection.close();
      this.#ended();
    } else if (!same) {
      this.#tail.restart(oldest);
      this.#connection.topics = union.includes("*") ? [] : union;
      this.#connection.start = { lastEventId: oldest };
      this.#connection.patience = [...this.#members].map(({ patience }) => patience).reduce(leastPatience);
      this.#connection.open();
    }
  }

  /** The smallest cursor. Those of another epoch come first: who has one joined before the epoch of today. */
  #oldest() {
    let oldest;
    for (const { cursor } of this.#members) {
      if (oldest === undefined || (compareIds(cursor, oldest) ?? 0) < 0) oldest = cursor;
    }
    return oldest;
  }

  /**
   * @param {SseRecord[]} records
   * @param {string} position
   */
  #received(records, position) {
    const gap = records.findLastIndex((record) => lostBefore(record) !== null);
    const [lost] = records.splice(0, gap + 1).slice(gap);
    const place = lost && lostBefore(lost);
    if (place) this.#recover(place);
    this.#tail.push(records.filter(({ topic }) => topic !== null), position);
    for (const member of this.#members) give(member, records, position);
  }

  /**
   * Something before this place is gone, of which topic is not said: each member looks for itself.
   * @param {string} place
   */
  #recover(place) {
    this.#tail.restart(place);
    for (const member of [...this.#members]) {
      if (!isPast(place, member.cursor)) continue;
      this.#members.delete(member);
      member.recover();
    }
    this.#plan(LINGER_MS);
  }

  #changed() {
    const { state, problem } = this.#connection.status;
    for (const member of [...this.#members]) {
      if (state === "closed" && problem !== null) {
        this.#members.delete(member);
        member.refuse(problem);
      } else {
        member.changed();
      }
    }
    if (state === "closed" && problem !== null) {
      this.#union = [];
      this.#plan(0);
    }
  }
}

/**
 * @param {Member} member
 * @param {SseRecord[]} records
 * @param {string} position
 */
function give(member, records, position) {
  const wanted = records.filter((record) => {
    if (record.topic === null) return !liesBefore(record, member.cursor);
    return isPast(record.lastEventId, member.cursor) && cover(member.topics, record.topic);
  });
  if (isPast(position, member.cursor)) member.cursor = position;
  if (wanted.length > 0) member.receive(wanted);
}

/**
 * A gap that is of no concern to a reader at `cursor`.
 * @param {SseRecord} gap
 * @param {string} cursor
 */
function liesBefore({ lastEventId }, cursor) {
  const order = compareIds(lastEventId, cursor);
  return order !== null && order < 0;
}

/**
 * The oldest event after a gap, if a look at the kept events of one topic can tell whether that topic has lost any; else null.
 * @param {SseRecord} record
 * @returns {string | null}
 */
function lostBefore({ type, topic, data }) {
  if (topic !== null || type !== "gap") return null;
  try {
    const { reason, first } = JSON.parse(data);
    return RECOVERABLE.includes(reason) ? first : null;
  } catch {
    return null;
  }
}
