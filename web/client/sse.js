// Browser client of an event stream: the module that pages import. sse/ holds the connection and shares it between tabs.
// docs/browser-client.md is its manual.

// Requests every module at once; otherwise each is requested only when the one that imports it has arrived.
import "./sse/backoff.js";
import "./sse/connection.js";
import "./sse/connection-pool.js";
import "./sse/ends.js";
import "./sse/hosts.js";
import "./sse/ids.js";
import "./sse/leader-host.js";
import "./sse/liveness.js";
import "./sse/parser.js";
import "./sse/poll.js";
import "./sse/reader.js";
import "./sse/record.js";
import "./sse/refusal.js";
import "./sse/selectors.js";
import "./sse/shared-connection.js";
import "./sse/stream.js";
import "./sse/subscriber.js";
import "./sse/tab.js";
import "./sse/tab-registry.js";
import "./sse/tail.js";
import "./sse/timeouts.js";
import "./sse/worker-host.js";
import { openLink } from "./sse/link.js";

/** @typedef {import("./sse/record.js").SseRecord} SseRecord */
/** @typedef {import("./sse/connection.js").Status} Status */

/**
 * `connecting`: first attempt · `live`: events can arrive · `reconnecting`: the connection was lost, and the next attempt is
 * scheduled or under way · `closed`: not opened yet, closed by `close()`, refused for good (`problem` says why), or `ended`.
 * @typedef {"connecting" | "live" | "reconnecting" | "closed"} SseState
 */

/**
 * `lastEventId`, `last` or `since`, at most one of them, says where to start; without one it is now.
 * @typedef {object} SseOptions
 * @property {string} [hub] Base address of the hub. Default: where this module came from.
 * @property {string[]} [topics] Selectors: a topic, `prefix/*` or `*`; at most 100. Default: every topic of the address.
 * @property {string} [lastEventId] After this id, or `earliest` for everything that the server stores.
 * @property {number} [last] With the newest N stored events, 1 to 10,000.
 * @property {string} [since] With the first event at or after this time, RFC 3339.
 * @property {boolean} [shared] Share one connection with all tabs where possible. Default true.
 * @property {string | (() => string | Promise<string>)} [token] Sent as `Authorization: Bearer`. A function is asked before each
 *   attempt, and once more when the server refuses its token (401). The connection is not shared.
 * @property {boolean} [withCredentials] Send cookies to another origin. Default false.
 * @property {number} [minDelayMs] Delay before the first reconnection attempt. Default 1000. The server's `retry:` can raise it.
 * @property {number} [maxDelayMs] Longest delay; each failure doubles the delay up to here. Default 30000.
 * @property {number} [maxRetryMs] Longest delay that the server's `retry:` can cause, also above `maxDelayMs`. Default 300000.
 * @property {number} [silenceMs] Reconnect after this time without a single byte, 0 = never. Default 60000 at a hub, which is
 *   four of its heartbeats, and 0 elsewhere.
 * @property {number} [firstByteMs] At a hub: use long-poll when a stream has not begun after this time, 0 = never. Default 5000.
 * @property {number} [probeMs] While long-polling: try a stream this often. Default 60000.
 */

/** What a handler gets: `type`, `data` and `lastEventId` as from an EventSource, and the hub's fields. @extends {MessageEvent<string>} */
export class SseEvent extends MessageEvent {
  /** Topic of the event; null when the server does not say. @type {string | null} */
  topic;
  /** When it was published, RFC 3339; null when the server does not say. @type {string | null} */
  time;
  /** `gap`, `end` or `greeting` when the hub itself sent it; null for a published event. @type {string | null} */
  hub;

  /** @param {SseRecord} record */
  constructor({ type, data, lastEventId, topic, time, hub }) {
    super(type, { data, lastEventId });
    this.topic = topic;
    this.time = time;
    this.hub = hub;
  }
}

/** @type {Status} */
const CLOSED = { state: "closed", transport: "stream", retryInMs: null, problem: null, ended: false };

/** Dispatches `statechange` and `ended` itself; received events go to the handlers given to `on`. */
export class SseClient extends EventTarget {
  #hub;
  #url;
  #options;
  /** @type {Set<string>} */
  #topics;
  /** Where `open` continues. @type {import("./sse/poll.js").Start} */
  #start;
  /** @type {Map<string, Set<(event: SseEvent) => void>>} */
  #handlers = new Map();
  /** Set while open. Callbacks of an earlier session are ignored. @type {object | null} */
  #session = null;
  /** @type {import("./sse/tab.js").Attachment | null} */
  #link = null;
  /** @type {Status} */
  #status = CLOSED;
  /** @type {number | null} */
  #retryAt = null;
  #topicsChanged = false;

  /**
   * Opens nothing yet: add handlers with `on`, then call `open`, so that no event is missed.
   * @param {string} url resolved against the hub
   * @param {SseOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#hub = baseOf(options.hub);
    this.#url = new URL(url, this.#hub);
    this.#options = options;
    this.#topics = new Set(options.topics);
    this.#start = { lastEventId: options.lastEventId, last: options.last, since: options.since };
  }

  /** @returns {SseState} */
  get state() {
    return this.#status.state;
  }

  /** How events arrive: `poll` while a stream does not get through. @returns {"stream" | "poll"} */
  get transport() {
    return this.#status.transport;
  }

  /** The server's reason for its last refusal, for people to read; null when there was none. @returns {string | null} */
  get problem() {
    return this.#status.problem;
  }

  /** Closed because every topic is closed, after everything was delivered. `ended` is dispatched then. */
  get ended() {
    return this.#status.ended;
  }

  /** Where `open` would continue: after the last delivered event, or the starting point before the first. */
  get lastEventId() {
    return this.#start.lastEventId ?? "";
  }

  /** Milliseconds until the next attempt; null when none is scheduled. */
  get retryInMs() {
    return this.#retryAt === null ? null : Math.max(0, this.#retryAt - performance.now());
  }

  /** The selectors; none means every topic. */
  get topics() {
    return [...this.#topics];
  }

  /**
   * Adds a handler for one event type. Unnamed events have the type `message`; `*` stands for every type.
   * @param {string} type
   * @param {(event: SseEvent) => void} handler
   * @returns {() => void} removes the handler
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

  /** Adds a selector, from about now on. @param {string} topic */
  addTopic(topic) {
    if (this.#topics.has(topic)) return;
    this.#topics.add(topic);
    this.#changeTopics();
  }

  /** Removes a selector. Without any, the client receives every topic. @param {string} topic */
  removeTopic(topic) {
    if (this.#topics.delete(topic)) this.#changeTopics();
  }

  /** Opens the connection and keeps it open. Does nothing when it is open. */
  open() {
    if (this.#session) return;
    const session = {};
    this.#session = session;
    globalThis.addEventListener("online", this.retryNow);
    globalThis.document?.addEventListener("visibilitychange", this.#retryWhenShown);
    this.#changed({ ...CLOSED, state: "connecting" });
    const isMine = () => this.#session === session;
    const link = openLink(this.#request(), {
      received: (records, cursor) => isMine() && this.#received(records, cursor),
      changed: (status) => isMine() && this.#changed(status),
    });
    if (isMine()) this.#link = link;
    else link.detach();
  }

  /** Closes the connection and stops reconnecting. `open` resumes after the last event. */
  close() {
    if (this.#session) this.#changed(CLOSED);
  }

  /** Tries at once instead of after the delay. Does nothing when no attempt is scheduled. */
  retryNow = () => {
    if (this.#retryAt === null) return;
    this.#link?.retryNow();
    this.#changed({ ...this.#status, retryInMs: null });
  };

  #retryWhenShown = () => {
    if (!document.hidden) this.retryNow();
  };

  #request() {
    const { shared = true, token, withCredentials, silenceMs, ...options } = this.#options;
    const { minDelayMs = 1000, maxDelayMs = 30_000, maxRetryMs = 300_000, firstByteMs = 5000, probeMs = 60_000 } = options;
    return {
      hub: this.#hub,
      url: this.#url,
      credentials: /** @type {RequestCredentials} */ (withCredentials ? "include" : "same-origin"),
      token: token ?? null,
      topics: this.topics,
      start: this.#start,
      timeouts: { minDelayMs, maxDelayMs, maxRetryMs, silenceMs, firstByteMs, probeMs },
      // Others may not read what this token may.
      shared: shared && token === undefined,
    };
  }

  /** Coalesces changes made in one task. */
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
    if (status.state === "closed") this.#release();
    this.dispatchEvent(new Event("statechange"));
    if (status.ended) this.dispatchEvent(new Event("ended"));
  }

  #release() {
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

/**
 * The folder that a hub's addresses are in.
 * @param {string | undefined} hub
 */
function baseOf(hub) {
  if (hub === undefined) return new URL("./", import.meta.url);
  const base = new URL(hub, globalThis.location?.href);
  if (!base.pathname.endsWith("/")) base.pathname += "/";
  return base;
}
