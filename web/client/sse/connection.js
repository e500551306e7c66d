// One connection to one address: keeps it open with back-off, resumes it by id, and falls back to long-poll while a stream
// does not get through. Knows nothing of tabs or of who wants what.

import { isPast } from "./ids.js";
import { Pause } from "./patience.js";
import { readPage, setQuery } from "./poll.js";
import { Refusal } from "./refusal.js";
import { readStream, Silence } from "./stream.js";

/** @typedef {import("./parser.js").DroppedEvent} DroppedEvent */
/** @typedef {import("./patience.js").Patience} Patience */
/** @typedef {import("./poll.js").SseRecord} SseRecord */
/** @typedef {import("./poll.js").Start} Start */

/**
 * @typedef {object} Target
 * @property {URL} url of the stream
 * @property {URL | null} pollUrl of the long-poll on the same log; null when the server is not a hub
 * @property {RequestCredentials} credentials
 */

/**
 * What a client sees of its connection.
 * @typedef {object} Status
 * @property {"connecting" | "live" | "reconnecting" | "closed"} state
 * @property {"stream" | "poll"} transport
 * @property {number | null} retryInMs until the next attempt; null when none is waiting
 * @property {string | null} problem what the server said when it refused last
 */

/**
 * @typedef {object} ConnectionListener
 * @property {(records: SseRecord[], position: string) => void} received in order; the id to resume from after them
 * @property {() => void} changed the status is new
 */

/** How long the server keeps a long-poll open that has nothing to say. */
const POLL_SECONDS = 25;

export class Connection {
  /** Selectors; none means all. What is set counts from the next `open` on. @type {string[]} */
  topics = [];
  /** Where the next attempt starts. @type {Start} */
  start = {};
  /** @type {Patience} */
  patience;

  #target;
  #listener;
  /** @type {Status["state"]} */
  #state = "closed";
  /** @type {Status["transport"]} */
  #transport = "stream";
  /** @type {string | null} */
  #problem = null;
  #pause = new Pause();
  #retryMs = 0;
  /** @type {AbortController | null} */
  #run = null;

  /**
   * @param {Target} target
   * @param {Patience} patience
   * @param {ConnectionListener} listener
   */
  constructor(target, patience, listener) {
    this.#target = target;
    this.patience = patience;
    this.#listener = listener;
  }

  /** @returns {Status} */
  get status() {
    return { state: this.#state, transport: this.#transport, retryInMs: this.#pause.leftMs, problem: this.#problem };
  }

  /** Opens the connection and keeps it open. When it is open, opens it anew, with its topics and start as they are now. */
  open() {
    this.#run?.abort();
    this.#pause.end();
    const run = new AbortController();
    this.#run = run;
    // A live connection that is only opened anew stays live to those who look at it.
    if (this.#state === "closed") this.#set({ state: "connecting", problem: null });
    void this.#keepOpen(run.signal);
  }

  close() {
    this.#run?.abort();
    this.#pause.end();
    this.#pause.succeeded();
    this.#set({ state: "closed", problem: null });
  }

  /** Try now instead of at the end of the wait. Does nothing when no attempt is waiting. */
  retryNow() {
    this.#pause.end();
  }

  /** @param {AbortSignal} signal */
  async #keepOpen(signal) {
    while (!signal.aborted) {
      let leastMs = 0;
      try {
        await (this.#transport === "poll" ? this.#poll(signal) : this.#stream(signal));
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refusal) {
          this.#problem = error.message;
          leastMs = error.retryAfterMs ?? 0;
          if (error.final) return this.#set({ state: "closed" });
        } else if (error instanceof Silence && this.#target.pollUrl && this.#transport === "stream") {
          // Something on the way keeps the stream to itself: what is asked for anew each time still gets through.
          this.#transport = "poll";
          continue;
        }
      }
      if (signal.aborted) return;
      const waited = this.#pause.wait(this.#waits(), leastMs);
      this.#set({ state: "reconnecting" }, true);
      await waited;
      if (!signal.aborted) this.#set({}, true);
    }
  }

  #waits() {
    return { ...this.patience, minDelayMs: Math.max(this.patience.minDelayMs, this.#retryMs) };
  }

  /**
   * @param {AbortSignal} signal
   * @param {() => void} [opened]
   */
  #stream(signal, opened) {
    const url = new URL(this.#target.url);
    setQuery(url, this.topics, this.start, "last_event_id");
    const { lastEventId = "" } = this.start;
    const { firstByteMs, silenceMs } = this.patience;
    return readStream(
      {
        url,
        lastEventId: lastEventId === "earliest" ? "" : lastEventId,
        credentials: this.#target.credentials,
        firstByteMs: this.#target.pollUrl ? firstByteMs : 0,
        silenceMs,
        signal,
      },
      {
        opened: () => {
          opened?.();
          this.#set({ state: "live", transport: "stream", problem: null });
        },
        received: (found, position) => this.#received(found, position),
        retry: (ms) => (this.#retryMs = ms),
      },
    );
  }

  /** Long-polls, and beside it tries a stream now and then; goes on with the stream once one gets through. @param {AbortSignal} signal */
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
   * @param {AbortController} polls ended as soon as a stream gets through
   */
  async #probe(signal, polls) {
    while (!signal.aborted && !polls.signal.aborted) {
      await sleep(this.patience.probeMs, signal);
      if (signal.aborted) return;
      try {
        // Some of its events may have come by long-poll already; `#received` knows.
        await this.#stream(signal, () => polls.abort());
      } catch (error) {
        if (polls.signal.aborted) throw error;
      }
    }
  }

  /** @param {AbortSignal} signal */
  async #pages(signal) {
    const { pollUrl: url, credentials } = this.#target;
    // The first page shows at once that this way is open.
    for (let first = true; url && !signal.aborted; first = false) {
      const waitSeconds = first ? 0 : POLL_SECONDS;
      const page = await readPage({ url, topics: this.topics, start: this.start, waitSeconds, credentials, signal });
      if (signal.aborted) return;
      this.#pause.succeeded();
      this.#set({ state: "live", transport: "poll", problem: null }, first);
      this.#received(page.records, page.next);
    }
  }

  /**
   * @param {(SseRecord | DroppedEvent)[]} found
   * @param {string} position
   */
  #received(found, position) {
    if (found.length > 0) this.#pause.succeeded();
    const before = this.start.lastEventId ?? "";
    let records = found.map((item) => ("dropped" in item ? tooLarge(item, before) : item));
    if (this.#target.pollUrl) {
      // A hub's events have ids in order; what has no topic is a greeting, or a gap.
      records = records.filter(({ type, topic, lastEventId }) => (topic === null ? type === "gap" : isPast(lastEventId, before)));
      if (!isPast(position, before)) position = before;
    }
    if (position) this.start = { lastEventId: position };
    if (records.length > 0 || position !== before) this.#listener.received(records, position);
  }

  /**
   * @param {{state?: Status["state"], transport?: Status["transport"], problem?: string | null}} news
   * @param {boolean} [always] also tell when only the time of the next attempt is new
   */
  #set({ state = this.#state, transport = this.#transport, problem = this.#problem }, always = false) {
    const same = this.#state === state && this.#transport === transport && this.#problem === problem;
    this.#state = state;
    this.#transport = transport;
    this.#problem = problem;
    if (!same || always) this.#listener.changed();
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
