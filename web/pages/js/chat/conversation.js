// The messages of the room and below them those on their way. Stays at the newest while the reader is there; else says
// how many have come. Draws once a frame, knows nothing of the connection.

import { dayLine, gapNote, markOwn, messageLine, personNote, unsentLine } from "./message-view.js";

/** @typedef {import("./message-view.js").Message} Message */
/** @typedef {import("./outbox.js").Outbox} Outbox */

/** Lines that are kept; past it the oldest go. */
const MAX_LINES = 500;
/** A message so soon after one of the same person stands under the same name. */
const FOLLOWS_MS = 5 * 60_000;
/** Nearer to the end than this, in px, is at the end. */
const END_PX = 40;
/** The history is over when nothing has come for so long; from then on new messages are read out. */
const HISTORY_QUIET_MS = 600;

export class Conversation {
  #scroll;
  /** What is read out. */
  #log;
  #list;
  #unsent;
  #more;
  #own = "";
  /** @type {Message | null} */
  #last = null;
  #lastDay = "";
  /** Messages shown, by id. @type {Map<string, Message>} */
  #shown = new Map();
  /** Not drawn yet. @type {HTMLElement[]} */
  #waiting = [];
  #newMessages = 0;
  #frame = 0;
  #isAtEnd = true;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #history;

  /** @param {{scroll: HTMLElement, log: HTMLElement, list: HTMLElement, unsent: HTMLElement, more: HTMLElement}} parts */
  constructor({ scroll, log, list, unsent, more }) {
    this.#scroll = scroll;
    this.#log = log;
    this.#list = list;
    this.#unsent = unsent;
    this.#more = more;
    scroll.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    more.addEventListener("click", () => {
      this.toEnd();
      scroll.focus();
    });
    // The keyboard of a phone, a turned screen: whoever was at the end stays there.
    new ResizeObserver(() => this.#isAtEnd && this.toEnd()).observe(scroll);
  }

  /** @param {string} own the name of the one who sits here */
  setOwn(own) {
    this.#own = own;
    for (const line of [...this.#list.children, ...this.#waiting]) markOwn(line, own);
  }

  /** @param {Message} message */
  addMessage(message) {
    const known = this.#shown.get(message.id);
    if (known && known.username === message.username && known.text === message.text) return;
    this.#shown.set(message.id, message);
    const day = message.time.toDateString();
    if (day !== this.#lastDay) this.#add(dayLine(message.time));
    const last = day === this.#lastDay ? this.#last : null;
    const follows = last?.username === message.username && message.time.getTime() - last.time.getTime() < FOLLOWS_MS;
    const line = messageLine(message, { follows });
    markOwn(line, this.#own);
    this.#add(line);
    this.#last = message;
    this.#lastDay = day;
    if (!this.#isAtEnd) this.#newMessages += 1;
  }

  /** @param {string} username @param {string} what */
  addNote(username, what) {
    this.#last = null;
    this.#add(personNote(username, what));
  }

  /** @param {string} text */
  addGap(text) {
    this.#last = null;
    this.#add(gapNote(text));
  }

  /** Starts over, because the server does. */
  clear() {
    this.#waiting = [];
    this.#shown.clear();
    this.#last = null;
    this.#lastDay = "";
    this.#list.replaceChildren();
  }

  /** @param {Outbox} outbox */
  showUnsent(outbox) {
    const lines = outbox.messages.map((entry) => {
      const { key } = entry.message;
      return unsentLine(entry, { again: () => outbox.again(key), discard: () => outbox.discard(key) });
    });
    this.#unsent.replaceChildren(...lines);
    this.#unsent.hidden = lines.length === 0;
    // A confirmed message moves from below into the list: both in the same frame.
    this.#draw();
  }

  /** Shows the newest. */
  toEnd() {
    this.#isAtEnd = true;
    this.#newMessages = 0;
    this.#more.hidden = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** The history is being sent, or will be at once. */
  expectHistory() {
    clearTimeout(this.#history);
    this.#history = setTimeout(() => {
      this.#history = undefined;
      this.#log.setAttribute("aria-live", "polite");
      this.#list.dataset.empty = "Nobody has said anything here yet";
    }, HISTORY_QUIET_MS);
  }

  /** @param {HTMLElement} line */
  #add(line) {
    if (this.#history !== undefined) this.expectHistory();
    this.#waiting.push(line);
    if (this.#waiting.length > MAX_LINES) this.#waiting.shift();
    // Hidden pages have no frames: they are drawn when they are shown, from what is kept.
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#list.append(...this.#waiting);
    this.#waiting = [];
    while (this.#list.children.length > MAX_LINES) this.#list.firstElementChild?.remove();
    if (this.#shown.size > 2 * MAX_LINES) this.#forget();
    if (this.#isAtEnd) this.toEnd();
    else this.#showMore();
  }

  #forget() {
    const oldest = [...this.#shown.keys()].slice(0, MAX_LINES);
    for (const id of oldest) this.#shown.delete(id);
  }

  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    this.#isAtEnd = scrollHeight - scrollTop - clientHeight < END_PX;
    if (this.#isAtEnd) this.#newMessages = 0;
    this.#showMore();
  }

  #showMore() {
    const count = this.#newMessages;
    this.#more.hidden = count === 0;
    this.#more.textContent = count === 1 ? "1 new message" : `${count} new messages`;
  }
}
