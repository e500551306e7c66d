// One client's subscription: reads history from its starting point, then joins a shared connection. Knows nothing of the tab
// it is in.

import { Backoff } from "./backoff.js";
import { Ends } from "./ends.js";
import { readPage } from "./poll.js";
import { Refusal } from "./refusal.js";
import { isPattern } from "./selectors.js";

/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./shared-connection.js").SharedConnection} SharedConnection */
/** @typedef {import("./timeouts.js").Timeouts} Timeouts */
/** @typedef {import("./record.js").SseRecord} SseRecord */
/** @typedef {import("./poll.js").Start} Start */

/**
 * What a client subscribes to. Plain data, so that it can be posted from tab to tab.
 * @typedef {object} SubscriptionRequest
 * @property {string} url of the hub's stream
 * @property {string} pollUrl
 * @property {RequestCredentials} credentials
 * @property {string[]} topics selectors; none means all
 * @property {Start} start
 * @property {Timeouts} timeouts
 */

/**
 * @typedef {object} SubscriberListener
 * @property {(records: SseRecord[], cursor: string) => void} received in order, once; the id to resume from after them
 * @property {(status: Status) => void} changed
 */

export class Subscriber {
  /** Every event of its topics up to here was delivered; empty before the first answer. */
  cursor = "";
  /** Who it is to the hub; null where all read the same. @type {string | null} */
  reader = null;

  #request;
  #findConnection;
  #listener;
  /** @type {SharedConnection | null} */
  #connection = null;
  #backoff = new Backoff();
  #ends = new Ends();
  /** A restart after it was live is not shown as a first attempt. */
  #wasLive = false;
  /** @type {string | null} */
  #problem = null;
  /** @type {AbortController | null} */
  #run = null;

  /**
   * @param {SubscriptionRequest} request
   * @param {(subscriber: Subscriber) => SharedConnection} findConnection
   * @param {SubscriberListener} listener
   */
  constructor(request, findConnection, listener) {
    this.#request = request;
    this.#findConnection = findConnection;
    this.#listener = listener;
    void this.#catchUp();
  }

  /** The selectors; never empty. */
  get topics() {
    return this.#request.topics.length > 0 ? this.#request.topics : ["*"];
  }

  get request() {
    return this.#request;
  }

  get timeouts() {
    return this.#request.timeouts;
  }

  /** Changes the selectors. @param {string[]} topics */
  setTopics(topics) {
    this.#request = { ...this.#request, topics };
    this.recover();
  }

  retryNow() {
    this.#backoff.end();
    this.#connection?.retryNow();
  }

  end() {
    this.#run?.abort();
    this.#backoff.end();
    this.#connection?.leave(this);
    this.#connection = null;
  }

  /** @param {SseRecord[]} records */
  receive(records) {
    const closing = this.#ends.note(records, this.topics);
    this.#listener.received(records, this.cursor);
    if (!closing) return;
    if (this.#ends.cover(this.topics)) this.#finish();
    // Topics that were closed before this client began are known to the hub alone.
    else if (!this.topics.some(isPattern)) this.recover();
  }

  recover() {
    this.end();
    void this.#catchUp();
  }

  /** @param {string} problem */
  refuse(problem) {
    this.end();
    this.#problem = problem;
    this.#report("closed");
  }

  /** Nothing comes any more. */
  #finish() {
    this.end();
    this.#report("closed", true);
  }

  changed() {
    if (!this.#connection) return;
    const { status } = this.#connection;
    if (status.state === "live") this.#wasLive = true;
    this.#listener.changed(status);
  }

  /** Reads history from the cursor, or from the requested start, up to now. The server checks the topics on the way. */
  async #catchUp() {
    const run = new AbortController();
    this.#run = run;
    this.#problem = null;
    this.#report(this.#wasLive ? "live" : "connecting");
    while (!run.signal.aborted) {
      let retryAfterMs = 0;
      try {
        const ended = await this.#readPages(run.signal);
        if (run.signal.aborted) return;
        return ended ? this.#finish() : this.#join();
      } catch (error) {
        if (run.signal.aborted) return;
        if (error instanceof Refusal) {
          if (error.final) return this.refuse(error.message);
          this.#problem = error.message;
          retryAfterMs = error.retryAfterMs ?? 0;
        }
      }
      const waited = this.#backoff.wait(this.timeouts, retryAfterMs);
      this.#report("reconnecting");
      await waited;
      if (!run.signal.aborted) this.#report("reconnecting");
    }
  }

  /**
   * True when nothing comes any more.
   * @param {AbortSignal} signal
   */
  async #readPages(signal) {
    const { pollUrl, topics, credentials } = this.#request;
    for (;;) {
      const start = this.cursor ? { lastEventId: this.cursor } : this.#request.start;
      const page = await readPage({ url: new URL(pollUrl), topics, start, waitSeconds: 0, credentials, signal });
      if (signal.aborted) return false;
      this.#backoff.reset();
      this.cursor = page.next;
      this.reader = page.reader;
      this.#ends.note(page.records, topics);
      this.#listener.received(page.records, page.next);
      if (page.ended || page.complete) return page.ended;
    }
  }

  #join() {
    this.#problem = null;
    const connection = this.#findConnection(this);
    this.#connection = connection;
    connection.join(this);
    if (connection.status.state !== "closed") this.changed();
  }

  /**
   * @param {Status["state"]} state
   * @param {boolean} [ended]
   */
  #report(state, ended = false) {
    this.#listener.changed({ state, transport: "stream", retryInMs: this.#backoff.leftMs, problem: this.#problem, ended });
  }
}
