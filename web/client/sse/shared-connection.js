// One connection for many subscribers. Subscribes to the union of their topics and delivers to each its events, once.
// A subscriber catches up on its own before it joins. Knows nothing of tabs.

import { Connection } from "./connection.js";
import { compareIds, isPast } from "./ids.js";
import { isAnotherLog, isGap } from "./record.js";
import { cover, fewest } from "./selectors.js";
import { Tail } from "./tail.js";
import { minTimeouts } from "./timeouts.js";

/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./connection.js").Target} Target */
/** @typedef {import("./timeouts.js").Timeouts} Timeouts */
/** @typedef {import("./record.js").SseRecord} SseRecord */

/**
 * @typedef {object} Member
 * @property {string[]} topics
 * @property {string} cursor every event of its topics up to here was delivered
 * @property {Timeouts} timeouts
 * @property {(records: SseRecord[]) => void} receive events of its topics; `cursor` has moved past them
 * @property {() => void} changed the connection's status changed
 * @property {() => void} recover its position is lost: it was removed, and has to catch up on its own
 * @property {(problem: string) => void} refuse the server rejected the connection
 */

/** The hub's limit of selectors per stream. */
export const MAX_SELECTORS = 100;
/** New members are collected for this long, so that ten tabs that open at once cost one new stream. */
const GATHER_MS = 50;
/** Unused topics stay subscribed for this long: visitors often go from one page to the next. */
const LINGER_MS = 2000;
/** After a gap for one of these reasons, reading the history of its own topics tells a member whether it lost events. */
const RECOVERABLE = ["unknown-id", "expired", "lost", "damaged"];

export class SharedConnection {
  /** @type {Set<Member>} */
  #members = new Set();
  /** Not subscribed yet. @type {Set<Member>} */
  #waiting = new Set();
  #connection;
  #tail = new Tail();
  /** Selectors of the open stream; empty while there is none. @type {string[]} */
  #union = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #ended;

  /**
   * @param {Target} target
   * @param {Timeouts} timeouts
   * @param {() => void} ended no member is left
   */
  constructor(target, timeouts, ended) {
    this.#ended = ended;
    this.#connection = new Connection(target, timeouts, {
      received: (records, position) => this.#received(records, position),
      changed: () => this.#changed(),
    });
  }

  /** @returns {Status} */
  get status() {
    return this.#connection.status;
  }

  /** Do these topics fit within the limit of selectors? @param {string[]} topics */
  hasRoom(topics) {
    return fewest([...this.#wanted(), ...topics]).length <= MAX_SELECTORS;
  }

  /** @param {Member} member */
  join(member) {
    if (member.topics.every((topic) => cover(this.#union, topic)) && this.#tail.reachesBackTo(member.cursor)) {
      this.#members.add(member);
      deliver(member, this.#tail.after(member.cursor), this.#tail.end);
    } else {
      this.#waiting.add(member);
      this.#scheduleReopen(GATHER_MS);
    }
  }

  /** @param {Member} member */
  leave(member) {
    this.#members.delete(member);
    this.#waiting.delete(member);
    this.#scheduleReopen(LINGER_MS);
  }

  retryNow() {
    this.#connection.retryNow();
  }

  #wanted() {
    return [...this.#members, ...this.#waiting].flatMap(({ topics }) => topics);
  }

  /** @param {number} ms */
  #scheduleReopen(ms) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#reopen(), this.#waiting.size > 0 ? Math.min(ms, GATHER_MS) : ms);
  }

  /** Reopens the stream if its members need other selectors, or a position before its own. */
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
      this.#connection.timeouts = [...this.#members].map(({ timeouts }) => timeouts).reduce(minTimeouts);
      this.#connection.open();
    }
  }

  /** The smallest cursor. */
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
    const anotherLog = records.some(isAnotherLog);
    const lastGap = records.findLastIndex((record) => firstAfterGap(record) !== null);
    const [gap] = records.splice(0, lastGap + 1).slice(lastGap);
    const first = gap && firstAfterGap(gap);
    if (first) this.#recover(first, anotherLog);
    this.#tail.push(records.filter((record) => !isGap(record) || record.topic !== null), position);
    for (const member of this.#members) deliver(member, records, position);
  }

  /**
   * Events before this id are lost, and the gap does not say of which topics: each member finds out on its own.
   * @param {string} first oldest event after the gap
   * @param {boolean} anotherLog the cursors are of another log
   */
  #recover(first, anotherLog) {
    this.#tail.restart(first);
    for (const member of [...this.#members]) {
      if (!anotherLog && !isPast(first, member.cursor)) continue;
      this.#members.delete(member);
      member.recover();
    }
    this.#scheduleReopen(LINGER_MS);
  }

  #changed() {
    const { state, problem, ended } = this.#connection.status;
    const isOver = state === "closed" && (ended || problem !== null);
    for (const member of [...this.#members, ...this.#waiting]) {
      if (!isOver) member.changed();
      // Who waits is served by the next stream.
      else if (!this.#members.delete(member)) continue;
      else if (problem !== null) member.refuse(problem);
      // All its topics are closed, or the cookie is another's: it finds out on its own.
      else member.recover();
    }
    if (isOver) {
      this.#union = [];
      this.#scheduleReopen(0);
    }
  }
}

/**
 * @param {Member} member
 * @param {SseRecord[]} records
 * @param {string} position
 */
function deliver(member, records, position) {
  const wanted = records.filter((record) => {
    // A gap with a topic is that of a deletion, and has an id of its own.
    if (isGap(record) && record.topic === null) return !liesBefore(record, member.cursor);
    // Only a hub gets this far, and only its greeting has no topic.
    return record.topic !== null && isPast(record.lastEventId, member.cursor) && cover(member.topics, record.topic);
  });
  if (isPast(position, member.cursor)) member.cursor = position;
  if (wanted.length > 0) member.receive(wanted);
}

/**
 * A gap in front of what a reader at `cursor` has read already.
 * @param {SseRecord} gap
 * @param {string} cursor
 */
function liesBefore({ lastEventId }, cursor) {
  const order = compareIds(lastEventId, cursor);
  return order !== null && order < 0;
}

/**
 * The oldest event after a gap from which members can recover on their own; else null.
 * @param {SseRecord} record
 * @returns {string | null}
 */
function firstAfterGap(record) {
  if (!isGap(record)) return null;
  try {
    const { reason, first } = JSON.parse(record.data);
    return RECOVERABLE.includes(reason) ? first : null;
  } catch {
    return null;
  }
}
