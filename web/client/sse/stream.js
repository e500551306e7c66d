// One attempt at a stream: sends the request, reads to the end, enforces time limits. Never retries.

import { Ended } from "./ends.js";
import { SseParser } from "./parser.js";
import { checkReader } from "./reader.js";
import { refusal, Refusal } from "./refusal.js";

/** @typedef {import("./parser.js").ParsedEvent} ParsedEvent */
/** @typedef {import("./parser.js").DroppedEvent} DroppedEvent */

/** The stream was silent for longer than its limit. */
export class StreamTimeout extends Error {
  constructor() {
    super("the stream was silent for too long");
  }
}

/**
 * @typedef {object} StreamListener
 * @property {() => void} opened the stream has begun
 * @property {(found: (ParsedEvent | DroppedEvent)[], lastEventId: string) => void} received what one chunk of the body completed
 * @property {(ms: number) => void} retry the server's reconnection time
 */

/**
 * @typedef {object} StreamRequest
 * @property {URL} url
 * @property {string} lastEventId it resumes after
 * @property {RequestCredentials} credentials
 * @property {Record<string, string>} headers
 * @property {string | null} [reader] whom it is for
 * @property {number} firstByteMs Longest wait for the first byte, 0 = unlimited.
 * @property {number} silenceMs Longest silence, 0 = unlimited.
 * @property {AbortSignal} signal aborts it
 */

/**
 * Reads one stream; resolves when it ends. Rejects with `Ended`, a `Refusal`, a `StreamTimeout`, a network error or the signal's
 * reason.
 * @param {StreamRequest} request
 * @param {StreamListener} listener
 */
export async function readStream(request, listener) {
  const watch = new Watchdog(request);
  try {
    const response = await fetch(request.url, {
      headers: { Accept: "text/event-stream", ...request.headers },
      cache: "no-store",
      credentials: request.credentials,
      signal: watch.signal,
    });
    // The answer of the standard after which a reader does not come back.
    if (response.status === 204) throw new Ended();
    if (response.status !== 200) throw await refusal(response);
    const type = response.headers.get("content-type") ?? "";
    if (!/^text\/event-stream\s*(;|$)/i.test(type) || !response.body) {
      void response.body?.cancel().catch(() => {});
      throw new Refusal(`not an event stream but ${type || "no content type"}`, false);
    }
    checkReader(response, request.reader);
    // Without a limit for the first byte, the head of the response is enough.
    if (request.firstByteMs === 0) listener.opened();
    await readBody(response.body, new SseParser(request.lastEventId), watch, listener);
  } catch (error) {
    // In the workers of Firefox an aborted request does not give the reason.
    throw watch.signal.aborted ? watch.signal.reason : error;
  } finally {
    watch.end();
  }
}

/**
 * @param {ReadableStream<Uint8Array>} body
 * @param {SseParser} parser
 * @param {Watchdog} watch
 * @param {StreamListener} listener
 */
async function readBody(body, parser, watch, listener) {
  const reader = body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    // An abort can overtake a chunk, which is then dropped.
    watch.signal.throwIfAborted();
    if (done) return;
    if (watch.heard()) listener.opened();
    const found = parser.feed(value);
    if (parser.retryMs !== null) listener.retry(parser.retryMs);
    listener.received(found, parser.lastEventId);
  }
}

/** The time limits of one attempt, as a signal. */
class Watchdog {
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

  /** A chunk arrived. True for the first one. */
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
   * The timer is not moved by each chunk but checks when it fires, so that an event costs no timer.
   * @param {number} limitMs
   * @param {number} [inMs]
   */
  #arm(limitMs, inMs = limitMs) {
    if (limitMs <= 0) return;
    this.#timer = setTimeout(() => {
      const left = this.#heardAt + limitMs - performance.now();
      if (left <= 0) this.#abort.abort(new StreamTimeout());
      else this.#arm(limitMs, left + 1);
    }, inMs);
  }
}
