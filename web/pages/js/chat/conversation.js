// The room's messages, and below them the unsent ones. Scrolls along while the reader is at the end; otherwise shows how many
// are new. Draws once a frame; knows nothing of the connection.

import { write } from "../element.js";
import { dayLine, gapNote, markOwn, messageLine, personNote, unsentLine } from "./message-view.js";

/** @typedef {import("./message-view.js").Message} Message */
/** @typedef {import("./outbox.js").Outbox} Outbox */

/** Limit of lines; above it the oldest are dropped. */
const MAX_LINES = 500;
/** A message this soon after one of the same person shares its heading. */
const FOLLOWS_MS = 5 * 60_000;
/** Within this distance of the end, in px, counts as at the end. */
const END_PX = 40;
/** After this much silence the history is complete; screen readers announce messages from then on. */
const HISTORY_QUIET_MS = 600;

export class Conversation {
  #scroll;
  /** The region that screen readers announce. */
  #log;
  #list;
  #unsent;
  #more;
  #own = "";
  /** @type {Message | null} */
  #last = null;
  #lastDay = "";
  /** The newest line when it is a note about somebody. @type {HTMLElement | null} */
  #note = null;
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
    // A phone's keyboard opened or its screen turned: stay at the end.
    new ResizeObserver(() => this.#isAtEnd && this.toEnd()).observe(scroll);
  }

  /** @param {string} own the visitor's name */
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
    // Comings and goings of one person in a row share a line, which tells the newest.
    if (this.#note?.firstChild?.textContent === username) return write(this.#note.lastChild, ` ${what}`);
    this.#last = null;
    const note = personNote(username, what);
    this.#add(note);
    this.#note = note;
  }

  /** @param {string} text */
  addGap(text) {
    this.#last = null;
    this.#add(gapNote(text));
  }

  /** Starts over, because the server's log did. */
  clear() {
    this.#waiting = [];
    this.#shown.clear();
    this.#last = null;
    this.#note = null;
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
    // A confirmed message moves into the list within one frame.
    this.#draw();
  }

  /** Scrolls to the newest message. */
  toEnd() {
    this.#isAtEnd = true;
    this.#newMessages = 0;
    this.#more.hidden = true;
    this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }

  /** History is about to arrive. */
  expectHistory() {
    clearTimeout(this.#history);
    this.#history = setTimeout(() => {
      this.#history = undefined;
      this.#log.setAttribute("aria-live", "polite");
      this.#list.dataset.empty = "No messages yet";
    }, HISTORY_QUIET_MS);
  }

  /** @param {HTMLElement} line */
  #add(line) {
    if (this.#history !== undefined) this.expectHistory();
    this.#note = null;
    this.#waiting.push(line);
    if (this.#waiting.length > MAX_LINES) this.#waiting.shift();
    // Hidden pages get no frames; they are drawn when shown.
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
