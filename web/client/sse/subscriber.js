// One client as a switchboard sees it: catches up with history, then joins a line. Knows nothing of the tab it is in.

import { Pause } from "./patience.js";
import { readPage } from "./poll.js";
import { Refusal } from "./refusal.js";

/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./line.js").Line} Line */
/** @typedef {import("./patience.js").Patience} Patience */
/** @typedef {import("./poll.js").SseRecord} SseRecord */
/** @typedef {import("./poll.js").Start} Start */

/**
 * What a client wants. Plain data, so that it can go from tab to tab.
 * @typedef {object} Wish
 * @property {string} url of the hub's stream
 * @property {string} pollUrl
 * @property {RequestCredentials} credentials
 * @property {string[]} topics selectors; none means all
 * @property {Start} start
 * @property {Patience} patience
 */

/**
 * @typedef {object} SubscriberListener
 * @property {(records: SseRecord[], cursor: string) => void} received in order, once; the id to resume from after them
 * @property {(status: Status) => void} changed
 */

export class Subscriber {
  /** Every wanted event up to here was handed out; empty while that is not known. */
  cursor = "";

  #wish;
  #findLine;
  #listener;
  /** @type {Line | null} */
  #line = null;
  #pause = new Pause();
  /** It was live once, so a new start is not the first. */
  #wasLive = false;
  /** @type {string | null} */
  #problem = null;
  /** @type {AbortController | null} */
  #run = null;

  /**
   * @param {Wish} wish
   * @param {(subscriber: Subscriber) => Line} findLine
   * @param {SubscriberListener} listener
   */
  constructor(wish, findLine, listener) {
    this.#wish = wish;
    this.#findLine = findLine;
    this.#listener = listener;
    void this.#catchUp();
  }

  /** The selectors wanted; never empty. */
  get topics() {
    return this.#wish.topics.length > 0 ? this.#wish.topics : ["*"];
  }

  get wish() {
    return this.#wish;
  }

  get patience() {
    return this.#wish.patience;
  }

  /** Wants these topics from now on. @param {string[]} topics */
  setTopics(topics) {
    this.#wish = { ...this.#wish, topics };
    this.recover();
  }

  retryNow() {
    this.#pause.end();
    this.#line?.retryNow();
  }

  end() {
    this.#run?.abort();
    this.#pause.end();
    this.#line?.leave(this);
    this.#line = null;
  }

  /** @param {SseRecord[]} records */
  receive(records) {
    this.#listener.received(records, this.cursor);
  }

  recover() {
    this.end();
    void this.#catchUp();
  }

  /** @param {string} problem */
  refuse(problem) {
    this.end();
    this.#problem = problem;
    this.#tell("closed");
  }

  changed() {
    if (!this.#line) return;
    const { status } = this.#line;
    if (status.state === "live") this.#wasLive = true;
    this.#listener.changed(status);
  }

  /** Reads what is kept after the cursor, or as the wish says, up to now. This is also how the server checks the topics. */
  async #catchUp() {
    const run = new AbortController();
    this.#run = run;
    this.#problem = null;
    this.#tell(this.#wasLive ? "live" : "connecting");
    while (!run.signal.aborted) {
      let leastMs = 0;
      try {
        await this.#readPages(run.signal);
        if (!run.signal.aborted) this.#join();
        return;
      } catch (error) {
        if (run.signal.aborted) return;
        if (error instanceof Refusal) {
          if (error.final) return this.refuse(error.message);
          this.#problem = error.message;
          leastMs = error.retryAfterMs ?? 0;
        }
      }
      const waited = this.#pause.wait(this.patience, leastMs);
      this.#tell("reconnecting");
      await waited;
      if (!run.signal.aborted) this.#tell("reconnecting");
    }
  }

  /** @param {AbortSignal} signal */
  async #readPages(signal) {
    const { pollUrl, topics, credentials } = this.#wish;
    for (;;) {
      const start = this.cursor ? { lastEventId: this.cursor } : this.#wish.start;
      const page = await readPage({ url: new URL(pollUrl), topics, start, waitSeconds: 0, credentials, signal });
      if (signal.aborted) return;
      this.#pause.succeeded();
      this.cursor = page.next;
      this.#listener.received(page.records, page.next);
      if (page.complete) return;
    }
  }

  #join() {
    this.#problem = null;
    const line = this.#findLine(this);
    this.#line = line;
    line.join(this);
    if (line.status.state !== "closed") this.changed();
  }

  /** @param {Status["state"]} state */
  #tell(state) {
    this.#listener.changed({ state, transport: "stream", retryInMs: this.#pause.leftMs, problem: this.#problem });
  }
}
