// Browser client of an event stream: what pages import. How events come, and which tab holds the connection, is in sse/.
// docs/browser-client.md describes it for those who use it.

// All that is needed further down, at once: else each file is asked for only when the one before it has come.
import "./sse/connection.js";
import "./sse/hosts.js";
import "./sse/ids.js";
import "./sse/leader-host.js";
import "./sse/line.js";
import "./sse/liveness.js";
import "./sse/parser.js";
import "./sse/patience.js";
import "./sse/poll.js";
import "./sse/reception.js";
import "./sse/refusal.js";
import "./sse/selectors.js";
import "./sse/stream.js";
import "./sse/subscriber.js";
import "./sse/switchboard.js";
import "./sse/tab.js";
import "./sse/tail.js";
import "./sse/worker-host.js";
import { openLink } from "./sse/link.js";

/** @typedef {import("./sse/poll.js").SseRecord} SseRecord */
/** @typedef {import("./sse/connection.js").Status} Status */

/**
 * `connecting`: first attempt · `live`: events can come · `reconnecting`: the connection was lost, we wait or try
 * again · `closed`: not opened yet, closed by `close()`, or refused for good: then `problem` says why.
 * @typedef {"connecting" | "live" | "reconnecting" | "closed"} SseState
 */

/**
 * One of `lastEventId`, `last` and `since` says where to start; without one it is now.
 * @typedef {object} SseOptions
 * @property {string[]} [topics] Selectors: a topic, `prefix/*` or `*`; at most 100. Default: every topic of the address.
 * @property {string} [lastEventId] After this id, or `earliest` for all that the server keeps.
 * @property {number} [last] With the newest so many events that are kept, 1 to 10,000.
 * @property {string} [since] With the first event since this time, RFC 3339.
 * @property {boolean} [shared] Share one connection with all tabs, where that can be. Default true.
 * @property {boolean} [withCredentials] Send cookies to another origin. Default false.
 * @property {number} [minDelayMs] Wait before the first new attempt. Default 1000. The server's `retry:` can raise it.
 * @property {number} [maxDelayMs] Longest wait; each failure doubles it up to here. Default 30000.
 * @property {number} [silenceMs] Reopen when not one byte arrives for so long, 0 = never. Default 60000 at a hub, which is
 *   four of its heartbeats, and 0 elsewhere.
 * @property {number} [firstByteMs] At a hub: use long-poll when a stream has not begun after so long, 0 = never. Default 5000.
 * @property {number} [probeMs] While events come by long-poll: try a stream this often. Default 60000.
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
  #url;
  #options;
  /** @type {Set<string>} */
  #topics;
  /** Where `open` starts. @type {import("./sse/poll.js").Start} */
  #start;
  /** @type {Map<string, Set<(event: SseEvent) => void>>} */
  #handlers = new Map();
  /** While open; what an earlier one still says is for nobody. @type {object | null} */
  #session = null;
  /** @type {import("./sse/tab.js").Attachment | null} */
  #link = null;
  /** @type {Status} */
  #status = { state: "closed", transport: "stream", retryInMs: null, problem: null };
  /** @type {number | null} */
  #retryAt = null;
  #topicsChanged = false;

  /**
   * Nothing is opened yet: subscribe with `on`, then call `open`, so that no event comes too early.
   * @param {string} url
   * @param {SseOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = new URL(url, globalThis.location?.href);
    this.#options = options;
    this.#topics = new Set(options.topics);
    this.#start = { lastEventId: options.lastEventId, last: options.last, since: options.since };
  }

  /** @returns {SseState} */
  get state() {
    return this.#status.state;
  }

  /** How events come: `poll` while a stream does not get through. @returns {"stream" | "poll"} */
  get transport() {
    return this.#status.transport;
  }

  /** Why the server refused last, for people to read; null when it did not. @returns {string | null} */
  get problem() {
    return this.#status.problem;
  }

  /** Where `open` would go on: the id after all events handed out, or the starting point while there was none. */
  get lastEventId() {
    return this.#start.lastEventId ?? "";
  }

  /** Milliseconds until the next attempt; null when none is waiting. */
  get retryInMs() {
    return this.#retryAt === null ? null : Math.max(0, this.#retryAt - performance.now());
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

  /** Want one more selector, from about now on. @param {string} topic */
  addTopic(topic) {
    if (this.#topics.has(topic)) return;
    this.#topics.add(topic);
    this.#changeTopics();
  }

  /** Want one selector less. Removing the last one leaves every topic. @param {string} topic */
  removeTopic(topic) {
    if (this.#topics.delete(topic)) this.#changeTopics();
  }

  /** Open the connection and keep it open. Does nothing when it is open. */
  open() {
    if (this.#session) return;
    const session = {};
    this.#session = session;
    globalThis.addEventListener("online", this.retryNow);
    globalThis.document?.addEventListener("visibilitychange", this.#retryWhenShown);
    this.#changed({ state: "connecting", transport: "stream", retryInMs: null, problem: null });
    const isMine = () => this.#session === session;
    const link = openLink(this.#request(), {
      received: (records, cursor) => isMine() && this.#received(records, cursor),
      changed: (status) => isMine() && this.#changed(status),
    });
    if (isMine()) this.#link = link;
    else link.detach();
  }

  /** End the connection and every attempt to reopen it. `open` starts again after the last event. */
  close() {
    if (this.#session) this.#changed({ state: "closed", transport: "stream", retryInMs: null, problem: null });
  }

  /** Try now instead of at the end of the wait. Does nothing when no attempt is waiting. */
  retryNow = () => {
    if (this.#retryAt === null) return;
    this.#link?.retryNow();
    this.#changed({ ...this.#status, retryInMs: null });
  };

  #retryWhenShown = () => {
    if (!document.hidden) this.retryNow();
  };

  #request() {
    const { shared = true, withCredentials, silenceMs, ...options } = this.#options;
    const { minDelayMs = 1000, maxDelayMs = 30_000, firstByteMs = 5000, probeMs = 60_000 } = options;
    return {
      url: this.#url,
      credentials: /** @type {RequestCredentials} */ (withCredentials ? "include" : "same-origin"),
      topics: this.topics,
      start: this.#start,
      patience: { minDelayMs, maxDelayMs, silenceMs, firstByteMs, probeMs },
      shared,
    };
  }

  /** Gathers the changes of one moment. */
  #changeTopics() {
    if (this.#topicsChanged) return;
    this.#topicsChanged = true;
    queueMicrotask(() => {
      this.#topicsChanged = false;
      this.#link?.setTopics(this.topics);
    });
  }

  /** @param {Status} status */
  #changed(status) {
    this.#status = status;
    this.#retryAt = status.retryInMs === null ? null : performance.now() + status.retryInMs;
    if (status.state === "closed") this.#letGo();
    this.dispatchEvent(new Event("statechange"));
  }

  #letGo() {
    globalThis.removeEventListener("online", this.retryNow);
    globalThis.document?.removeEventListener("visibilitychange", this.#retryWhenShown);
    this.#session = null;
    this.#link?.detach();
    this.#link = null;
  }

  /**
   * @param {SseRecord[]} records
   * @param {string} cursor
   */
  #received(records, cursor) {
    for (const record of records) {
      if (!this.#session) return;
      if (record.lastEventId) this.#start = { lastEventId: record.lastEventId };
      this.#deliver(new SseEvent(record));
    }
    if (this.#session && cursor) this.#start = { lastEventId: cursor };
  }

  /** @param {SseEvent} event */
  #deliver(event) {
    for (const key of [event.type, "*"]) {
      for (const handler of this.#handlers.get(key) ?? []) {
        try {
          handler(event);
        } catch (error) {
          reportError(error);
        }
      }
    }
  }
}
