// The side of a host that talks to tabs: takes their messages, and forgets tabs that are gone. What is asked for is the
// switchboard's business; how messages travel is the host's.

import { locks, whenGone } from "./liveness.js";
import { Switchboard } from "./switchboard.js";

/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./poll.js").SseRecord} SseRecord */
/** @typedef {import("./subscriber.js").Subscriber} Subscriber */
/** @typedef {import("./subscriber.js").Wish} Wish */

/**
 * From a tab. `key` names one client of it. `hello` is the first, and starts a tab over that said so before.
 * @typedef {{kind: "hello", lock: string | null}
 *   | {kind: "attach", key: number, wish: Wish}
 *   | {kind: "topics", key: number, topics: string[]}
 *   | {kind: "retry", key: number}
 *   | {kind: "detach", key: number}
 *   | {kind: "alive"}
 *   | {kind: "bye"}} TabMessage
 */

/**
 * To a tab. `stranger` is the answer to a tab that was forgotten.
 * @typedef {{kind: "records", key: number, records: SseRecord[], cursor: string}
 *   | {kind: "status", key: number, status: Status}
 *   | {kind: "stranger"}} HostMessage
 */

/** @typedef {(message: HostMessage) => void} Post */
/** @typedef {{post: Post, subscribers: Map<number, Subscriber>, heardAt: number, stopWaiting: () => void}} Guest */

/** Without locks a tab says that it is alive this often, and is forgotten when it has not for so long. */
export const ALIVE_MS = 20_000;
/** Timers of a hidden tab may run only once a minute. */
const FORGET_MS = 300_000;

export class Reception {
  #switchboard = new Switchboard();
  /** @type {Map<string, Guest>} */
  #guests = new Map();
  #left;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #sweeper;

  /** @param {(tab: string) => void} [left] a tab is gone */
  constructor(left = () => {}) {
    this.#left = left;
    if (!locks()) this.#sweeper = setInterval(() => this.#sweep(), ALIVE_MS);
  }

  /**
   * @param {string} tab
   * @param {TabMessage} message
   * @param {Post} post
   */
  receive(tab, message, post) {
    if (message.kind === "hello") return this.#welcome(tab, message.lock, post);
    const guest = this.#guests.get(tab);
    if (!guest) {
      if (message.kind !== "bye") post({ kind: "stranger" });
      return;
    }
    guest.heardAt = performance.now();
    if (message.kind === "bye") this.#forget(tab);
    else if (message.kind === "attach") this.#attach(guest, message.key, message.wish);
    else if (message.kind !== "alive") this.#serve(guest, message);
  }

  /** Ends everything. */
  close() {
    clearInterval(this.#sweeper);
    for (const tab of [...this.#guests.keys()]) this.#forget(tab);
  }

  /**
   * @param {string} tab
   * @param {string | null} lock
   * @param {Post} post
   */
  #welcome(tab, lock, post) {
    this.#forget(tab);
    const stopWaiting = lock === null ? () => {} : whenGone(lock, () => this.#forget(tab));
    this.#guests.set(tab, { post, subscribers: new Map(), heardAt: performance.now(), stopWaiting });
  }

  /**
   * @param {Guest} guest
   * @param {number} key
   * @param {Wish} wish
   */
  #attach({ post, subscribers }, key, wish) {
    const subscriber = this.#switchboard.attach(wish, {
      received: (records, cursor) => post({ kind: "records", key, records, cursor }),
      changed: (status) => post({ kind: "status", key, status }),
    });
    subscribers.set(key, subscriber);
  }

  /**
   * @param {Guest} guest
   * @param {Extract<TabMessage, {kind: "topics" | "retry" | "detach"}>} message
   */
  #serve({ subscribers }, message) {
    const subscriber = subscribers.get(message.key);
    if (message.kind === "topics") subscriber?.setTopics(message.topics);
    else if (message.kind === "retry") subscriber?.retryNow();
    else {
      subscriber?.end();
      subscribers.delete(message.key);
    }
  }

  /** @param {string} tab */
  #forget(tab) {
    const guest = this.#guests.get(tab);
    if (!guest) return;
    this.#guests.delete(tab);
    guest.stopWaiting();
    for (const subscriber of guest.subscribers.values()) subscriber.end();
    this.#left(tab);
  }

  #sweep() {
    for (const [tab, { heardAt }] of this.#guests) if (performance.now() - heardAt > FORGET_MS) this.#forget(tab);
  }
}
