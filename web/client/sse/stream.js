// One attempt at a stream: asks, reads to the end, watches the time. Never asks twice; knows nothing of back-off.

import { SseParser } from "./parser.js";
import { refusal, Refusal } from "./refusal.js";

/** @typedef {import("./parser.js").ParsedEvent} ParsedEvent */
/** @typedef {import("./parser.js").DroppedEvent} DroppedEvent */

/** Nothing came for longer than it may take. */
export class Silence extends Error {
  /** Not one byte had come. */
  atOnce;

  /** @param {boolean} atOnce */
  constructor(atOnce) {
    super("nothing came");
    this.atOnce = atOnce;
  }
}

/**
 * @typedef {object} StreamListener
 * @property {() => void} opened the stream is there
 * @property {(found: (ParsedEvent | DroppedEvent)[], lastEventId: string) => void} received what one piece of the body completed
 * @property {(ms: number) => void} retry the server's reconnection time
 */

/**
 * @typedef {object} StreamRequest
 * @property {URL} url
 * @property {string} lastEventId where it resumes
 * @property {RequestCredentials} credentials
 * @property {number} firstByteMs Longest wait for the first byte, 0 = for ever.
 * @property {number} silenceMs Longest silence, 0 = for ever.
 * @property {AbortSignal} signal ends it
 */

/**
 * Reads one stream until it ends, which is what it resolves with. Rejects with a `Refusal`, a `Silence`, an error of the
 * network, or the signal's reason.
 * @param {StreamRequest} request
 * @param {StreamListener} listener
 */
export async function readStream(request, listener) {
  const watch = new Watch(request);
  try {
    const response = await fetch(request.url, {
      headers: { Accept: "text/event-stream" },
      cache: "no-store",
      credentials: request.credentials,
      signal: watch.signal,
    });
    if (response.status !== 200) throw await refusal(response);
    const type = response.headers.get("content-type") ?? "";
    if (!/^text\/event-stream\s*(;|$)/i.test(type) || !response.body) {
      void response.body?.cancel().catch(() => {});
      throw new Refusal(`not an event stream but ${type || "something without a type"}`, false);
    }
    // Without a limit for the first byte, a quiet server is as good as a talking one.
    if (request.firstByteMs === 0) listener.opened();
    await readBody(response.body, new SseParser(request.lastEventId), watch, listener);
  } finally {
    watch.end();
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {SseParser} parser
 * @param {Watch} watch
 * @param {StreamListener} listener
 */
async function readBody(body, parser, watch, listener) {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    // An abort can come between the piece and us: what is read after it belongs to nobody.
    watch.signal.throwIfAborted();
    if (done) return;
    if (watch.heard()) listener.opened();
    const found = parser.feed(value);
    if (parser.retryMs !== null) listener.retry(parser.retryMs);
    listener.received(found, parser.lastEventId);
  }
}

/** The time limits of one attempt, as a signal. */
class Watch {
  #abort = new AbortController();
  #silenceMs;
  #first = true;
  #heardAt = performance.now();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {StreamRequest} request */
  constructor({ firstByteMs, silenceMs, signal }) {
    this.#silenceMs = silenceMs;
    this.signal = AbortSignal.any([signal, this.#abort.signal]);
    this.#arm(firstByteMs || silenceMs);
  }

  /** Something came. True the first time. */
  heard() {
    const first = this.#first;
    this.#first = false;
    this.#heardAt = performance.now();
    if (first) {
      this.end();
      this.#arm(this.#silenceMs);
    }
    return first;
  }

  end() {
    clearTimeout(this.#timer);
  }

  /**
   * The timer lags behind what is heard, so that an event costs no timer.
   * @param {number} limitMs
   * @param {number} [inMs]
   */
  #arm(limitMs, inMs = limitMs) {
    if (limitMs <= 0) return;
    this.#timer = setTimeout(() => {
      const left = this.#heardAt + limitMs - performance.now();
      if (left <= 0) this.#abort.abort(new Silence(this.#first));
      else this.#arm(limitMs, left + 1);
    }, inMs);
  }
}
