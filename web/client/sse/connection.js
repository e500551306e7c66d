// One connection to one address: reconnects with backoff, resumes by id, and falls back to long-poll while a stream does not
// get through. Knows nothing of tabs or subscribers.

import { isPast } from "./ids.js";
import { Backoff } from "./backoff.js";
import { Ended, Ends } from "./ends.js";
import { readPage, setQuery } from "./poll.js";
import { gapRecord, isAnotherLog, isGreeting } from "./record.js";
import { Refusal } from "./refusal.js";
import { readStream, StreamTimeout } from "./stream.js";

/** @typedef {import("./parser.js").DroppedEvent} DroppedEvent */
/** @typedef {import("./timeouts.js").Timeouts} Timeouts */
/** @typedef {import("./record.js").SseRecord} SseRecord */
/** @typedef {import("./poll.js").Start} Start */

/**
 * What is sent as `Authorization: Bearer`, or what gives it for the next attempt.
 * @typedef {string | (() => string | Promise<string>)} Token
 */

/**
 * @typedef {object} Target
 * @property {URL} url of the stream
 * @property {URL | null} pollUrl the long-poll of the same hub; null when the server is not a hub
 * @property {RequestCredentials} credentials
 * @property {Token | null} [token]
 * @property {string | null} [reader] whom it is for: it ends when the answers are for another one
 */

/**
 * What a client sees of its connection.
 * @typedef {object} Status
 * @property {"connecting" | "live" | "reconnecting" | "closed"} state
 * @property {"stream" | "poll"} transport
 * @property {number | null} retryInMs until the next attempt; null when none is scheduled
 * @property {string | null} problem the server's reason for its last refusal
 * @property {boolean} ended closed because every topic is, after everything was delivered
 */

/**
 * @typedef {object} ConnectionListener
 * @property {(records: SseRecord[], position: string) => void} received in order; the id to resume from after them
 * @property {() => void} changed the status changed
 */

/** How long the server holds a long-poll without events. */
const POLL_SECONDS = 25;

export class Connection {
  /** Selectors; none means all. A change takes effect with the next `open`. @type {string[]} */
  topics = [];
  /** Where the next attempt starts. @type {Start} */
  start = {};
  /** @type {Timeouts} */
  timeouts;

  #target;
  #listener;
  /** @type {Status["state"]} */
  #state = "closed";
  /** @type {Status["transport"]} */
  #transport = "stream";
  /** @type {string | null} */
  #problem = null;
  #ended = false;
  #ends = new Ends();
  #backoff = new Backoff();
  #retryMs = 0;
  /** The server has refused a token since the connection was opened, or live last. */
  #tokenRefused = false;
  /** @type {AbortController | null} */
  #run = null;

  /**
   * @param {Target} target
   * @param {Timeouts} timeouts
   * @param {ConnectionListener} listener
   */
  constructor(target, timeouts, listener) {
    this.#target = target;
    this.timeouts = timeouts;
    this.#listener = listener;
  }

  /** @returns {Status} */
  get status() {
    return {
      state: this.#state,
      transport: this.#transport,
      retryInMs: this.#backoff.leftMs,
      problem: this.#problem,
      ended: this.#ended,
    };
  }

  /** Opens the connection and keeps it open. An open one is reopened with its current topics and start. */
  open() {
    this.#run?.abort();
    this.#backoff.end();
    this.#tokenRefused = false;
    const run = new AbortController();
    this.#run = run;
    // A live connection that is reopened is still shown as live.
    if (this.#state === "closed") this.#set({ state: "connecting", problem: null, ended: false });
    void this.#keepOpen(run.signal);
  }

  close() {
    this.#run?.abort();
    this.#backoff.end();
    this.#backoff.reset();
    this.#set({ state: "closed", problem: null, ended: false });
  }

  /** Tries at once instead of after the delay. Does nothing when no attempt is scheduled. */
  retryNow() {
    this.#backoff.end();
  }

  /** @param {AbortSignal} signal */
  async #keepOpen(signal) {
    while (!signal.aborted) {
      let retryAfterMs = 0;
      try {
        await (this.#transport === "poll" ? this.#poll(signal) : this.#stream(signal));
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Ended) return this.#set({ state: "closed", problem: null, ended: true });
        if (error instanceof Refusal) {
          this.#problem = error.message;
          retryAfterMs = error.retryAfterMs ?? 0;
          if (this.#asksAgain(error)) continue;
          if (error.final) return this.#set({ state: "closed" });
        } else if (error instanceof StreamTimeout && this.#target.pollUrl && this.#transport === "stream") {
          // Something between us and the hub buffers the stream; complete responses still get through.
          this.#transport = "poll";
          continue;
        }
      }
      if (signal.aborted) return;
      const waited = this.#backoff.wait(this.#delays(), retryAfterMs);
      this.#set({ state: "reconnecting" }, true);
      await waited;
      if (!signal.aborted) this.#set({}, true);
    }
  }

  /** A token can expire on its way: a new one is asked for, once. @param {Refusal} refusal */
  #asksAgain({ status }) {
    if (status !== 401 || typeof this.#target.token !== "function" || this.#tokenRefused) return false;
    this.#tokenRefused = true;
    return true;
  }

  /** @returns {Promise<Record<string, string>>} */
  async #authorization() {
    const { token } = this.#target;
    const value = typeof token === "function" ? await token() : token;
    return value ? { Authorization: `Bearer ${value}` } : {};
  }

  #delays() {
    const { minDelayMs, maxDelayMs, maxRetryMs } = this.timeouts;
    const retryMs = Math.min(this.#retryMs, maxRetryMs);
    return { minDelayMs: Math.max(minDelayMs, retryMs), maxDelayMs: Math.max(maxDelayMs, retryMs) };
  }

  /**
   * One attempt. Rejects with `Ended` when every topic is closed or it is for another reader: a stream that ends for another reason is reopened.
   * @param {AbortSignal} signal
   * @param {() => void} [opened]
   */
  async #stream(signal, opened) {
    const url = new URL(this.#target.url);
    setQuery(url, this.topics, this.start, "last_event_id");
    const { lastEventId = "" } = this.start;
    const { firstByteMs, silenceMs } = this.timeouts;
    await readStream(
      {
        url,
        lastEventId: lastEventId === "earliest" ? "" : lastEventId,
        credentials: this.#target.credentials,
        headers: await this.#authorization(),
        reader: this.#target.reader,
        firstByteMs: this.#target.pollUrl ? firstByteMs : 0,
        silenceMs,
        signal,
      },
      {
        opened: () => {
          opened?.();
          this.#tokenRefused = false;
          this.#set({ state: "live", transport: "stream", problem: null });
        },
        received: (found, position) => this.#received(found, position),
        retry: (ms) => (this.#retryMs = ms),
      },
    );
    if (this.#ends.cover(this.topics)) throw new Ended();
  }

  /** Long-polls, and probes for a stream in parallel; switches to the stream once one gets through. @param {AbortSignal} signal */
  async #poll(signal) {
    const polls = new AbortController();
    const probes = new AbortController();
    const probing = this.#probe(AbortSignal.any([signal, probes.signal]), polls);
    try {
      await Promise.race([this.#pages(AbortSignal.any([signal, polls.signal])), probing]);
    } catch (error) {
      if (!polls.signal.aborted) throw error;
    } finally {
      if (!polls.signal.aborted) probes.abort();
    }
    await probing;
  }

  /**
   * @param {AbortSignal} signal
   * @param {AbortController} polls aborted as soon as a stream gets through
   */
  async #probe(signal, polls) {
    while (!signal.aborted && !polls.signal.aborted) {
      await sleep(this.timeouts.probeMs, signal);
      if (signal.aborted) return;
      try {
        // `#received` drops those of its events that the long-poll delivered.
        await this.#stream(signal, () => polls.abort());
      } catch (error) {
        if (polls.signal.aborted) throw error;
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #pages(signal) {
    const { pollUrl: url, credentials, reader } = this.#target;
    // The first page returns at once and shows that long-poll works.
    for (let first = true; url && !signal.aborted; first = false) {
      const waitSeconds = first ? 0 : POLL_SECONDS;
      const headers = await this.#authorization();
      const page = await readPage({ url, topics: this.topics, start: this.start, waitSeconds, credentials, headers, reader, signal });
      if (signal.aborted) return;
      this.#tokenRefused = false;
      this.#backoff.reset();
      this.#set({ state: "live", transport: "poll", problem: null }, first);
      this.#received(page.records, page.next);
      if (page.ended && !signal.aborted) throw new Ended();
    }
  }

  /**
   * @param {(SseRecord | DroppedEvent)[]} found
   * @param {string} position
   */
  #received(found, position) {
    if (found.length > 0) this.#backoff.reset();
    let before = this.start.lastEventId ?? "";
    let records = found.map((item) => ("dropped" in item ? tooLarge(item, before) : item));
    this.#ends.note(records, this.topics);
    if (this.#target.pollUrl) {
      if (records.some(isAnotherLog)) before = "";
      // A hub's events have ascending ids: what is not past our position was delivered already.
      records = records.filter((record) => !isGreeting(record) && (record.topic === null || isPast(record.lastEventId, before)));
      if (!isPast(position, before)) position = before;
    }
    if (position) this.start = { lastEventId: position };
    if (records.length > 0 || position !== before) this.#listener.received(records, position);
  }

  /**
   * @param {{state?: Status["state"], transport?: Status["transport"], problem?: string | null, ended?: boolean}} changes
   * @param {boolean} [always] notify even when only the time of the next attempt changed
   */
  #set({ state = this.#state, transport = this.#transport, problem = this.#problem, ended = this.#ended }, always = false) {
    const same = this.#state === state && this.#transport === transport && this.#problem === problem;
    this.#ended = ended;
    this.#state = state;
    this.#transport = transport;
    this.#problem = problem;
    if (!same || always) this.#listener.changed();
  }
}

/**
 * An event above our limits is lost, and reported as one.
 * @param {DroppedEvent} item
 * @param {string} requested
 * @returns {SseRecord}
 */
function tooLarge(item, requested) {
  return gapRecord({ requested, first: null, reason: "too-large", detail: item.dropped }, requested);
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal ends it early
 * @returns {Promise<void>}
 */
function sleep(ms, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      done();
    });
  });
}
