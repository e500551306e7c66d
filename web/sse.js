// Browser client of an event stream: one native EventSource at a time, reopened by us and resumed by id.
// Knows nothing of pages, JSON or topics, and never touches the DOM tree.

/**
 * `connecting`: first attempt · `live`: the stream is open · `reconnecting`: it was lost, we wait or try
 * again · `closed`: not opened yet, or closed by `close()`.
 * @typedef {"connecting" | "live" | "reconnecting" | "closed"} SseState
 */

/**
 * @typedef {object} SseOptions
 * @property {string} [lastEventId] Where to start: an id, or `earliest` for all that the server keeps. Default: now.
 * @property {boolean} [withCredentials] Send cookies to another origin. Default false.
 * @property {number} [minDelayMs] Wait before the first new attempt. Default 1000.
 * @property {number} [maxDelayMs] Longest wait; each failure doubles it up to here. Default 30000.
 * @property {number} [silenceMs] Reopen when nothing arrives for so long, 0 = never. Default 0.
 */

/**
 * Why not leave reconnecting to the browser: it gives up for good on any answer but 200 (a proxy's 502 while
 * the server restarts), never backs off, and does not say when it tries again. The price: `retry:` is not
 * visible to scripts and so not followed, and a 204 is retried like any failure, at the longest wait.
 *
 * Fires `statechange` on itself. Received events go to the handlers given to `on`.
 */
export class SseClient extends EventTarget {
  /** Reopen when nothing arrives for so long, 0 = never. May be changed while open; counts from the next event. */
  silenceMs;

  #url;
  #withCredentials;
  #minDelayMs;
  #maxDelayMs;
  #lastEventId;
  /** @type {SseState} */
  #state = "closed";
  /** @type {EventSource | null} */
  #source = null;
  /** @type {Map<string, Set<(event: MessageEvent<string>) => void>>} */
  #handlers = new Map();
  #failures = 0;
  /** @type {number | null} */
  #retryAt = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #silenceTimer;
  #heardAt = 0;

  /**
   * Nothing is opened yet: subscribe with `on`, then call `open`, so that no event comes too early.
   * @param {string} url
   * @param {SseOptions} [options]
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#withCredentials = options.withCredentials ?? false;
    this.#minDelayMs = options.minDelayMs ?? 1000;
    this.#maxDelayMs = options.maxDelayMs ?? 30_000;
    this.#lastEventId = options.lastEventId ?? "";
    this.silenceMs = options.silenceMs ?? 0;
  }

  /** @returns {SseState} */
  get state() {
    return this.#state;
  }

  /** Id of the newest event handed out, or the starting point while there was none. */
  get lastEventId() {
    return this.#lastEventId;
  }

  /** Milliseconds until the next attempt; null when none is waiting. */
  get retryInMs() {
    return this.#retryAt === null ? null : Math.max(0, this.#retryAt - performance.now());
  }

  /**
   * Subscribe to one event type; unnamed events have the type `message`.
   * @param {string} type
   * @param {(event: MessageEvent<string>) => void} handler
   * @returns {() => void} ends the subscription
   */
  on(type, handler) {
    let handlers = this.#handlers.get(type);
    if (!handlers) {
      handlers = new Set();
      this.#handlers.set(type, handlers);
      this.#source?.addEventListener(type, this.#deliver);
    }
    handlers.add(handler);
    return () => void handlers.delete(handler);
  }

  /** Open the stream and keep it open. Does nothing when it is open. */
  open() {
    if (this.#state !== "closed") return;
    this.#failures = 0;
    globalThis.addEventListener("online", this.retryNow);
    globalThis.document?.addEventListener("visibilitychange", this.#retryWhenShown);
    this.#connect();
  }

  /** End the stream and every attempt to reopen it. `open` starts again after the last event. */
  close() {
    globalThis.removeEventListener("online", this.retryNow);
    globalThis.document?.removeEventListener("visibilitychange", this.#retryWhenShown);
    this.#drop();
    this.#setState("closed");
  }

  /** Try now instead of at the end of the wait. Does nothing when no attempt is waiting. */
  retryNow = () => {
    if (this.#retryAt !== null) this.#connect();
  };

  #retryWhenShown = () => {
    if (!document.hidden) this.retryNow();
  };

  #connect() {
    this.#drop();
    const source = new EventSource(this.#resumeUrl(), { withCredentials: this.#withCredentials });
    this.#source = source;
    source.addEventListener("open", this.#opened);
    source.addEventListener("error", this.#failed);
    for (const type of this.#handlers.keys()) source.addEventListener(type, this.#deliver);
    this.#heardAt = performance.now();
    this.#watchSilence();
    this.#setState(this.#failures === 0 ? "connecting" : "reconnecting", true);
  }

  /** A new EventSource cannot be given a `Last-Event-ID` header, so the id travels in the query. */
  #resumeUrl() {
    const url = new URL(this.#url, globalThis.location?.href);
    if (this.#lastEventId) url.searchParams.set("last_event_id", this.#lastEventId);
    return url;
  }

  #opened = (/** @type {Event} */ event) => {
    // A server may name an event `open`: that one is a message, not news of the connection.
    if (event instanceof MessageEvent) return;
    this.#heardAt = performance.now();
    this.#setState("live");
  };

  #failed = (/** @type {Event} */ event) => {
    if (event instanceof MessageEvent || event.target !== this.#source) return;
    this.#reconnectLater();
  };

  #deliver = (/** @type {Event} */ event) => {
    if (!(event instanceof MessageEvent) || event.target !== this.#source) return;
    this.#heardAt = performance.now();
    this.#failures = 0;
    // Empty until the first id of this connection: what we already hold is still the place to resume from.
    if (event.lastEventId) this.#lastEventId = event.lastEventId;
    this.#watchSilence();
    for (const handler of this.#handlers.get(event.type) ?? []) {
      try {
        handler(event);
      } catch (error) {
        reportError(error);
      }
    }
  };

  #reconnectLater() {
    this.#drop();
    const ceiling = Math.min(this.#maxDelayMs, this.#minDelayMs * 2 ** this.#failures);
    // Half of the wait is random, so that the pages of one server do not all come back in one moment.
    const delay = ceiling / 2 + Math.random() * (ceiling / 2);
    this.#failures += 1;
    this.#retryAt = performance.now() + delay;
    this.#retryTimer = setTimeout(this.retryNow, delay);
    this.#setState("reconnecting", true);
  }

  /** A dead peer looks like a quiet one; only the caller knows how much quiet is normal. */
  #watchSilence() {
    if (this.#silenceTimer !== undefined || this.silenceMs <= 0) return;
    const left = Math.max(0, this.#heardAt + this.silenceMs - performance.now());
    this.#silenceTimer = setTimeout(() => {
      this.#silenceTimer = undefined;
      if (this.silenceMs > 0 && performance.now() - this.#heardAt >= this.silenceMs) this.#reconnectLater();
      else this.#watchSilence();
    }, left + 1);
  }

  #drop() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = undefined;
    this.#retryAt = null;
  }

  /**
   * @param {SseState} state
   * @param {boolean} [always] also tell when only the next attempt is new, or its time
   */
  #setState(state, always = false) {
    if (this.#state === state && !always) return;
    this.#state = state;
    this.dispatchEvent(new Event("statechange"));
  }
}
