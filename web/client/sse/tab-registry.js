// The tabs that a host serves: handles their messages, and drops tabs that are gone. The pool runs the subscriptions; the host
// carries the messages.

import { locks, whenGone } from "./liveness.js";
import { ConnectionPool } from "./connection-pool.js";

/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./record.js").SseRecord} SseRecord */
/** @typedef {import("./subscriber.js").Subscriber} Subscriber */
/** @typedef {import("./subscriber.js").SubscriptionRequest} SubscriptionRequest */

/**
 * From a tab. `key` names one of its clients. `hello` comes first, and resets a known tab.
 * @typedef {{kind: "hello", lock: string | null}
 *   | {kind: "attach", key: number, request: SubscriptionRequest}
 *   | {kind: "topics", key: number, topics: string[]}
 *   | {kind: "retry", key: number}
 *   | {kind: "detach", key: number}
 *   | {kind: "alive"}
 *   | {kind: "bye"}} TabMessage
 */

/**
 * To a tab. `unknownTab` tells a tab that was dropped to say `hello` again.
 * @typedef {{kind: "records", key: number, records: SseRecord[], cursor: string}
 *   | {kind: "status", key: number, status: Status}
 *   | {kind: "unknownTab"}} HostMessage
 */

/** @typedef {(message: HostMessage) => void} Post */
/** @typedef {{post: Post, subscribers: Map<number, Subscriber>, heardAt: number, stopWaiting: () => void}} TabEntry */

/** Without locks, a tab sends `alive` this often. */
export const ALIVE_MS = 20_000;
/** Without locks, a tab is dropped after this silence. Timers of hidden tabs may run only once a minute. */
const EXPIRY_MS = 300_000;

export class TabRegistry {
  #pool = new ConnectionPool();
  /** @type {Map<string, TabEntry>} */
  #tabs = new Map();
  #left;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #sweeper;

  /** @param {(tab: string) => void} [left] called when a tab is gone */
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
    if (message.kind === "hello") return this.#hello(tab, message.lock, post);
    const entry = this.#tabs.get(tab);
    if (!entry) {
      if (message.kind !== "bye") post({ kind: "unknownTab" });
      return;
    }
    entry.heardAt = performance.now();
    if (message.kind === "bye") this.#drop(tab);
    else if (message.kind === "attach") this.#attach(entry, message.key, message.request);
    else if (message.kind !== "alive") this.#forward(entry, message);
  }

  /** Drops every tab. */
  close() {
    clearInterval(this.#sweeper);
    for (const tab of [...this.#tabs.keys()]) this.#drop(tab);
  }

  /**
   * @param {string} tab
   * @param {string | null} lock
   * @param {Post} post
   */
  #hello(tab, lock, post) {
    this.#drop(tab);
    const stopWaiting = lock === null ? () => {} : whenGone(lock, () => this.#drop(tab));
    this.#tabs.set(tab, { post, subscribers: new Map(), heardAt: performance.now(), stopWaiting });
  }

  /**
   * @param {TabEntry} entry
   * @param {number} key
   * @param {SubscriptionRequest} request
   */
  #attach({ post, subscribers }, key, request) {
    const subscriber = this.#pool.attach(request, {
      received: (records, cursor) => post({ kind: "records", key, records, cursor }),
      changed: (status) => post({ kind: "status", key, status }),
    });
    subscribers.set(key, subscriber);
  }

  /**
   * @param {TabEntry} entry
   * @param {Extract<TabMessage, {kind: "topics" | "retry" | "detach"}>} message
   */
  #forward({ subscribers }, message) {
    const subscriber = subscribers.get(message.key);
    if (message.kind === "topics") subscriber?.setTopics(message.topics);
    else if (message.kind === "retry") subscriber?.retryNow();
    else {
      subscriber?.end();
      subscribers.delete(message.key);
    }
  }

  /** @param {string} tab */
  #drop(tab) {
    const entry = this.#tabs.get(tab);
    if (!entry) return;
    this.#tabs.delete(tab);
    entry.stopWaiting();
    for (const subscriber of entry.subscribers.values()) subscriber.end();
    this.#left(tab);
  }

  #sweep() {
    for (const [tab, { heardAt }] of this.#tabs) if (performance.now() - heardAt > EXPIRY_MS) this.#drop(tab);
  }
}
