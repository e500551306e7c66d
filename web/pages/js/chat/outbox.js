// Messages on their way: kept in the browser until the server has them, sent in order, one at a time, once.
// Sends again when the connection returns, after a reload too. Shows nothing itself.

import { Refusal } from "../call.js";
import { randomId } from "../random-id.js";
import * as api from "./api.js";
import * as store from "./store.js";

/** @typedef {import("./store.js").Unsent} Unsent */
/** @typedef {"sending" | "waiting" | "slowed" | "sent" | "refused"} State */

/** The server remembers keys for 10 minutes; past that we look into the history first. */
const KEY_WINDOW_MS = 9 * 60_000;
/** Wait after a failure that names none: the first, and the longest. */
const RETRY_MS = 2_000;
const MAX_RETRY_MS = 30_000;
/** Most messages that wait; more would not be remembered by anybody who wrote them. */
const MAX_UNSENT = 100;

/** Fires `change` on itself whenever a message has come, gone or got another state. */
export class Outbox extends EventTarget {
  #room;
  /** Of this room, by key, oldest first. @type {Map<string, {message: Unsent, state: State, problem: string}>} */
  #messages = new Map();
  #isSending = false;
  #failures = 0;
  /** Ends the attempt that is being made. */
  #attempt = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /** @param {string} room */
  constructor(room) {
    super();
    this.#room = room;
    this.#load();
  }

  /** What is not seen in the room yet, oldest first. */
  get messages() {
    return [...this.#messages.values()];
  }

  /** Is there no place for one more? */
  get isFull() {
    return this.#messages.size >= MAX_UNSENT;
  }

  /** @param {string} username @param {string} text @param {string} after id of the newest event that the page knows */
  add(username, text, after) {
    const key = randomId();
    const message = { key, room: this.#room, username, text, at: Date.now(), after, tried: 0, refused: "" };
    store.keep(message);
    this.#messages.set(key, { message, state: "sending", problem: "" });
    this.#changed();
    this.send();
  }

  /** The room has it. @param {string} key */
  confirm(key) {
    store.forget(key);
    if (this.#messages.delete(key)) this.#changed();
  }

  /** Take it back. @param {string} key */
  discard(key) {
    this.confirm(key);
  }

  /** Send a refused one again, as it is. @param {string} key */
  again(key) {
    const entry = this.#messages.get(key);
    if (!entry) return;
    // Whoever asks for it knows that it may have been said before.
    entry.message = { ...entry.message, refused: "", tried: 0 };
    store.keep(entry.message);
    this.#set(key, "sending");
    this.send();
  }

  /** The connection is there, again perhaps: what was asked before may never be answered, and is asked once more. */
  connected() {
    this.#failures = 0;
    this.#attempt.abort();
    this.send();
  }

  /** Send what is not sent, now. */
  send() {
    clearTimeout(this.#timer);
    if (this.#isSending) return;
    this.#isSending = true;
    this.#load();
    // One tab at a time, so that two with the same messages keep their order. Locks are for secure origins alone;
    // without them the keys still see to it that nothing is said twice.
    const send = () => this.#sendAll();
    const sent = navigator.locks ? navigator.locks.request("sse-hub.chat.unsent", send) : send();
    void sent.then((waitMs) => {
      this.#isSending = false;
      if (waitMs !== null) this.#timer = setTimeout(() => this.send(), waitMs);
      // Written while the last one was being settled.
      else if (this.#next()) this.send();
    });
  }

  /** @returns {Promise<number | null>} when to go on; null when there is nothing more to send */
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

  /** @param {string} key @returns {Promise<number | null>} when to try again; null when it is settled */
  async #sendOne(key) {
    const message = store.unsent(key);
    // Another tab has sent it, or taken it back.
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
      // Taken back while it was on its way: then it stays so.
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

  /** What an earlier load of the page, or another tab, has left. */
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
