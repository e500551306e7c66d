// The outbox: unsent messages, stored in the browser until the server has them. Sends them in order, one at a time, exactly
// once, with an idempotency key; retries when the connection returns, even after a reload. Shows nothing itself.

import { Refusal } from "../call.js";
import { randomId } from "../random-id.js";
import * as api from "./api.js";
import * as store from "./store.js";

/** @typedef {import("./store.js").Unsent} Unsent */
/** @typedef {"sending" | "waiting" | "slowed" | "sent" | "refused"} State */

/** The server remembers keys for 10 minutes; after that the history is searched first. */
const KEY_WINDOW_MS = 9 * 60_000;
/** Shortest and longest delay after a failure without a Retry-After. */
const RETRY_MS = 2_000;
const MAX_RETRY_MS = 30_000;
/** Limit of unsent messages; above it, new ones are refused. */
const MAX_UNSENT = 100;

/** Dispatches `change` whenever a message is added, removed or changes state. */
export class Outbox extends EventTarget {
  #room;
  /** Of this room, by key, oldest first. @type {Map<string, {message: Unsent, state: State, problem: string}>} */
  #messages = new Map();
  #isSending = false;
  #failures = 0;
  /** Aborts the current attempt. */
  #attempt = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} room */
  constructor(room) {
    super();
    this.#room = room;
    this.#load();
  }

  /** Messages that have not appeared in the room yet, oldest first. */
  get messages() {
    return [...this.#messages.values()];
  }

  /** Is the limit reached? */
  get isFull() {
    return this.#messages.size >= MAX_UNSENT;
  }

  /** @param {string} username @param {string} text @param {string} after id of the page's newest event */
  add(username, text, after) {
    const key = randomId();
    const message = { key, room: this.#room, username, text, at: Date.now(), after, tried: 0, refused: "" };
    store.keep(message);
    this.#messages.set(key, { message, state: "sending", problem: "" });
    this.#changed();
    this.send();
  }

  /** The message appeared in the room. @param {string} key */
  confirm(key) {
    store.forget(key);
    if (this.#messages.delete(key)) this.#changed();
  }

  /** Discards it. @param {string} key */
  discard(key) {
    this.confirm(key);
  }

  /** Retries a refused one, unchanged. @param {string} key */
  again(key) {
    const entry = this.#messages.get(key);
    if (!entry) return;
    // The user knows that it may have been posted before.
    entry.message = { ...entry.message, refused: "", tried: 0 };
    store.keep(entry.message);
    this.#set(key, "sending");
    this.send();
  }

  /** The connection is back: a request from before may never be answered, so it is repeated. */
  connected() {
    this.#failures = 0;
    this.#attempt.abort();
    this.send();
  }

  /** Sends every unsent message now. */
  send() {
    clearTimeout(this.#timer);
    if (this.#isSending) return;
    this.#isSending = true;
    this.#load();
    // One tab at a time, so that two with the same messages keep their order. Locks need a secure context; without them the
    // keys still prevent duplicates.
    const send = () => this.#sendAll();
    const sent = navigator.locks ? navigator.locks.request("sse-hub.chat.unsent", send) : send();
    void sent.then((waitMs) => {
      this.#isSending = false;
      if (waitMs !== null) this.#timer = setTimeout(() => this.send(), waitMs);
      // Added while the last one was being sent.
      else if (this.#next()) this.send();
    });
  }

  /** @returns {Promise<number | null>} when to continue; null when everything is sent */
  async #sendAll() {
    for (;;) {
      const next = this.#next();
      if (!next) return null;
      const waitMs = await this.#sendOne(next.message.key);
      if (waitMs !== null) return waitMs;
    }
  }

  #next() {
    return this.messages.find(({ message, state }) => state !== "sent" && !message.refused);
  }

  /** @param {string} key @returns {Promise<number | null>} when to retry; null when it is done */
  async #sendOne(key) {
    const message = store.unsent(key);
    // Another tab has sent or discarded it.
    if (!message) {
      this.#set(key, "sent");
      return null;
    }
    this.#set(key, "sending");
    this.#attempt = new AbortController();
    const { signal } = this.#attempt;
    try {
      if (await this.#isStored(message, signal)) {
        this.confirm(key);
        return null;
      }
      store.keep({ ...message, tried: message.tried || Date.now() });
      await api.say(message, signal);
    } catch (error) {
      if (signal.aborted) return 0;
      return this.#failed(message, error instanceof Refusal ? error : new Refusal(0, String(error)));
    }
    this.#failures = 0;
    store.forget(key);
    this.#set(key, "sent");
    return null;
  }

  /** @param {Unsent} message @param {AbortSignal} signal */
  async #isStored(message, signal) {
    if (message.tried === 0 || Date.now() - message.tried < KEY_WINDOW_MS) return false;
    const said = await api.wasSaid(message, signal);
    if (said === null) throw new Refusal(409, "nobody can tell any more whether this was said");
    return said;
  }

  /** @param {Unsent} message @param {Refusal} refusal @returns {number | null} */
  #failed(message, refusal) {
    const { key } = message;
    if (refusal.isFinal) {
      const refused = { ...message, refused: refusal.message };
      // It was discarded while it was being sent, and stays discarded.
      if (store.unsent(key)) store.keep(refused);
      const entry = this.#messages.get(key);
      if (entry) entry.message = refused;
      this.#set(key, "refused", refusal.message);
      return null;
    }
    this.#set(key, refusal.status === 429 ? "slowed" : "waiting", refusal.message);
    if (refusal.waitMs !== null) return refusal.waitMs;
    const waitMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    return waitMs;
  }

  /** Adopts messages that an earlier page load or another tab left. */
  #load() {
    const found = store.allUnsent().filter(({ room, key }) => room === this.#room && !this.#messages.has(key));
    for (const message of found) {
      const state = message.refused ? "refused" : "waiting";
      this.#messages.set(message.key, { message, state, problem: message.refused });
    }
    if (found.length > 0) this.#changed();
  }

  /** @param {string} key @param {State} state @param {string} [problem] */
  #set(key, state, problem = "") {
    const entry = this.#messages.get(key);
    if (!entry || (entry.state === state && entry.problem === problem)) return;
    entry.state = state;
    entry.problem = problem;
    this.#changed();
  }

  #changed() {
    this.dispatchEvent(new Event("change"));
  }
}
