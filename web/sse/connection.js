// One connection to one address: keeps it open with back-off, resumes it by id. Knows nothing of tabs or of who wants what.

import { Refusal } from "./refusal.js";
import { readStream } from "./stream.js";

/** @typedef {import("./parser.js").DroppedEvent} DroppedEvent */

/**
 * An event on its way to a handler.
 * @typedef {object} SseRecord
 * @property {string} type
 * @property {string} data
 * @property {string} lastEventId
 * @property {string | null} topic
 */

/**
 * @typedef {object} Start
 * @property {string} [lastEventId]
 * @property {number} [last]
 */

/**
 * @typedef {object} Patience
 * @property {number} minDelayMs
 * @property {number} maxDelayMs
 * @property {number} silenceMs
 */

/**
 * @typedef {object} ConnectionListener
 * @property {(records: SseRecord[], position: string) => void} received in order; the id to resume from after them
 * @property {() => void} changed the state, or the time of the next attempt
 */

export class Connection {
  /** @type {"connecting" | "live" | "reconnecting" | "closed"} */
  state = "closed";
  /** What the server said when it refused. @type {string | null} */
  problem = null;
  /** @type {string[]} */
  topics = [];
  /** @type {Start} */
  start;

  #url;
  #credentials;
  #patience;
  #listener;
  /** @type {AbortController | null} */
  #run = null;
  #failures = 0;
  #retryMs = 0;
  /** @type {number | null} */
  #retryAt = null;
  #endWait = () => {};

  /**
   * @param {URL} url
   * @param {RequestCredentials} credentials
   * @param {Start} start
   * @param {Patience} patience
   * @param {ConnectionListener} listener
   */
  constructor(url, credentials, start, patience, listener) {
    this.#url = url;
    this.#credentials = credentials;
    this.start = start;
    this.#patience = patience;
    this.#listener = listener;
  }

  /** Milliseconds until the next attempt; null when none is waiting. */
  get retryInMs() {
    return this.#retryAt === null ? null : Math.max(0, this.#retryAt - performance.now());
  }

  /** Opens the connection and keeps it open. When it is open, opens it anew, with its topics and start as they are now. */
  open() {
    this.#run?.abort();
    this.#endWait();
    this.problem = null;
    const run = new AbortController();
    this.#run = run;
    this.#setState(this.state === "closed" ? "connecting" : this.state);
    void this.#keepOpen(run.signal);
  }

  close() {
    this.#run?.abort();
    this.#endWait();
    this.#failures = 0;
    this.#setState("closed");
  }

  /** Try now instead of at the end of the wait. Does nothing when no attempt is waiting. */
  retryNow() {
    this.#endWait();
  }

  /** @param {AbortSignal} signal */
  async #keepOpen(signal) {
    while (!signal.aborted) {
      let leastMs = 0;
      try {
        await this.#read(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal) {
          this.problem = error.message;
          if (error.final) {
            this.#setState("closed");
            return;
          }
          leastMs = error.retryAfterMs ?? 0;
        }
      }
      if (!signal.aborted) await this.#wait(leastMs);
    }
  }

  /** @param {AbortSignal} signal */
  #read(signal) {
    const { lastEventId = "", last } = this.start;
    const url = new URL(this.#url);
    for (const topic of this.topics) url.searchParams.append("topic", topic);
    if (lastEventId) url.searchParams.set("last_event_id", lastEventId);
    else if (last) url.searchParams.set("last", String(last));
    const silenceMs = this.#patience.silenceMs;
    return readStream(
      { url, lastEventId: lastEventId === "earliest" ? "" : lastEventId, credentials: this.#credentials, firstByteMs: 0, silenceMs, signal },
      {
        opened: () => {
          this.problem = null;
          this.#setState("live");
        },
        received: (found, position) => this.#received(found, position),
        retry: (ms) => (this.#retryMs = ms),
      },
    );
  }

  /**
   * @param {(SseRecord | DroppedEvent)[]} found
   * @param {string} position
   */
  #received(found, position) {
    if (found.length > 0) this.#failures = 0;
    const before = this.start.lastEventId ?? "";
    if (position) this.start = { lastEventId: position };
    if (found.length > 0) this.#listener.received(found.map((item) => ("dropped" in item ? tooLarge(item, before) : item)), position);
  }

  /**
   * Waits before the next attempt: twice as long after each failure, half of it random, so that the readers of one server
   * do not all come back in one moment.
   * @param {number} leastMs
   */
  async #wait(leastMs) {
    const { minDelayMs, maxDelayMs } = this.#patience;
    const base = Math.max(minDelayMs, this.#retryMs);
    const ceiling = Math.min(maxDelayMs, base * 2 ** this.#failures);
    const delay = Math.max(Math.min(leastMs, maxDelayMs), ceiling / 2 + Math.random() * (ceiling / 2));
    this.#failures += 1;
    this.#retryAt = performance.now() + delay;
    const waited = new Promise((/** @type {(value?: unknown) => void} */ done) => {
      const timer = setTimeout(() => this.#endWait(), delay);
      this.#endWait = () => {
        clearTimeout(timer);
        this.#endWait = () => {};
        this.#retryAt = null;
        done();
      };
    });
    this.#setState("reconnecting", true);
    await waited;
    if (this.state === "reconnecting") this.#setState("reconnecting", true);
  }

  /**
   * @param {Connection["state"]} state
   * @param {boolean} [always] also tell when only the time of the next attempt is new
   */
  #setState(state, always = false) {
    if (this.state === state && !always) return;
    this.state = state;
    this.#listener.changed();
  }
}

/**
 * An event that is too large for us is lost like one that is no longer kept.
 * @param {DroppedEvent} item
 * @param {string} requested
 * @returns {SseRecord}
 */
function tooLarge(item, requested) {
  const data = JSON.stringify({ requested, first: null, reason: "too-large", detail: item.dropped });
  return { type: "gap", data, lastEventId: requested, topic: null };
}
