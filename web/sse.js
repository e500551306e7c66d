// Browser client of an event stream: what pages import. How events come, and which tab holds the connection, is in sse/.

import { Connection } from "./sse/connection.js";

/** @typedef {import("./sse/connection.js").SseRecord} SseRecord */

/**
 * `connecting`: first attempt · `live`: events can come · `reconnecting`: the connection was lost, we wait or try
 * again · `closed`: not opened yet, closed by `close()`, or refused for good: then `problem` says why.
 * @typedef {"connecting" | "live" | "reconnecting" | "closed"} SseState
 */

/**
 * @typedef {object} SseOptions
 * @property {string[]} [topics] Selectors: a topic, `prefix/*` or `*`. Default: every topic of the address.
 * @property {string} [lastEventId] Where to start: after an id, or `earliest` for all that the server keeps. Default: now.
 * @property {number} [last] Start with the newest so many events that are kept. Not with `lastEventId`.
 * @property {boolean} [withCredentials] Send cookies to another origin. Default false.
 * @property {number} [minDelayMs] Wait before the first new attempt. Default 1000. The server's `retry:` can raise it.
 * @property {number} [maxDelayMs] Longest wait; each failure doubles it up to here. Default 30000.
 * @property {number} [silenceMs] Reopen when not one byte arrives for so long, 0 = never. Default 0.
 */

/** What a handler gets: `type`, `data` and `lastEventId` as from an EventSource, and the topic. @extends {MessageEvent<string>} */
export class SseEvent extends MessageEvent {
  /** Topic of the event; null when the server does not say. @type {string | null} */
  topic;

  /** @param {SseRecord} record */
  constructor({ type, data, lastEventId, topic }) {
    super(type, { data, lastEventId });
    this.topic = topic;
  }
}

/** Fires `statechange` on itself. Received events go to the handlers given to `on`. */
export class SseClient extends EventTarget {
  /** @type {Map<string, Set<(event: SseEvent) => void>>} */
  #handlers = new Map();
  #connection;
  /** @type {Set<string>} */
  #topics;

  /**
   * Nothing is opened yet: subscribe with `on`, then call `open`, so that no event comes too early.
   * @param {string} url
   * @param {SseOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#topics = new Set(options.topics);
    const { lastEventId, last, minDelayMs = 1000, maxDelayMs = 30_000, silenceMs = 0 } = options;
    this.#connection = new Connection(
      new URL(url, globalThis.location?.href),
      options.withCredentials ? "include" : "same-origin",
      { lastEventId, last },
      { minDelayMs, maxDelayMs, silenceMs },
      { received: (records) => records.forEach(this.#deliver), changed: () => this.dispatchEvent(new Event("statechange")) },
    );
  }

  /** @returns {SseState} */
  get state() {
    return this.#connection.state;
  }

  /** How events come: `poll` while a stream does not get through. @returns {"stream" | "poll"} */
  get transport() {
    return "stream";
  }

  /** Why the server refused last, for people to read; null when it did not. @returns {string | null} */
  get problem() {
    return this.#connection.problem;
  }

  /** Where `open` would go on: the id after the newest event handed out, or the starting point while there was none. */
  get lastEventId() {
    return this.#connection.start.lastEventId ?? "";
  }

  /** Milliseconds until the next attempt; null when none is waiting. */
  get retryInMs() {
    return this.#connection.retryInMs;
  }

  /** The selectors asked for; none means every topic. */
  get topics() {
    return [...this.#topics];
  }

  /**
   * Subscribe to one event type; unnamed events have the type `message`, and `*` stands for every type.
   * @param {string} type
   * @param {(event: SseEvent) => void} handler
   * @returns {() => void} ends the subscription
   */
  on(type, handler) {
    let handlers = this.#handlers.get(type);
    if (!handlers) {
      handlers = new Set();
      this.#handlers.set(type, handlers);
    }
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  /** Want one more selector, from now on. @param {string} topic */
  addTopic(topic) {
    if (this.#topics.has(topic)) return;
    this.#topics.add(topic);
    this.#reopen();
  }

  /** Want one selector less. Removing the last one leaves every topic. @param {string} topic */
  removeTopic(topic) {
    if (this.#topics.delete(topic)) this.#reopen();
  }

  /** Open the connection and keep it open. Does nothing when it is open. */
  open() {
    if (this.state !== "closed") return;
    globalThis.addEventListener("online", this.retryNow);
    globalThis.document?.addEventListener("visibilitychange", this.#retryWhenShown);
    this.#connection.topics = this.topics;
    this.#connection.open();
  }

  /** End the connection and every attempt to reopen it. `open` starts again after the last event. */
  close() {
    globalThis.removeEventListener("online", this.retryNow);
    globalThis.document?.removeEventListener("visibilitychange", this.#retryWhenShown);
    this.#connection.close();
  }

  /** Try now instead of at the end of the wait. Does nothing when no attempt is waiting. */
  retryNow = () => this.#connection.retryNow();

  #retryWhenShown = () => {
    if (!document.hidden) this.retryNow();
  };

  #reopen() {
    this.#connection.topics = this.topics;
    if (this.state !== "closed") this.#connection.open();
  }

  #deliver = (/** @type {SseRecord} */ record) => {
    const event = new SseEvent(record);
    for (const key of [event.type, "*"]) {
      for (const handler of this.#handlers.get(key) ?? []) {
        try {
          handler(event);
        } catch (error) {
          reportError(error);
        }
      }
    }
  };
}
