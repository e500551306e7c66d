// One notification in the list. User content is set as text, never as markup.

import { button, element } from "../element.js";
import * as units from "../units.js";

/** @typedef {import("./notification.js").Notification} Notification */

/** Longer texts are folded. */
const FOLD_CHARACTERS = 400;
const FOLD_LINES = 5;

const SEVERITY_WORDS = { info: "Info", success: "Success", warning: "Warning", critical: "Critical" };

export class Row {
  element = element("li", "notice");
  notification;
  #title;
  #why = element("p", "notice-why");
  #button;
  #unread = element("span", "notice-unread");
  /** @type {boolean | null} */
  #read = null;

  /**
   * @param {Notification} notification
   * @param {(row: Row) => void} toggle wants it read, or unread again
   */
  constructor(notification, toggle) {
    this.notification = notification;
    const { id, severity, title, text } = notification;
    this.element.dataset.severity = severity;
    this.element.dataset.id = id;
    this.#title = element("h3", "notice-title", title);
    this.#title.dir = "auto";
    this.#button = button("button-quiet", "", () => toggle(this));
    this.element.append(this.#head(), this.#title);
    if (text) this.element.append(...body(text, title));
    this.element.append(this.#why);
  }

  get isRead() {
    return this.#read === true;
  }

  /**
   * @param {boolean} read
   * @param {string | null} why it is hidden, when it is shown all the same
   */
  show(read, why) {
    this.#why.textContent = why === null ? "" : `Hidden by your preferences: ${why}`;
    this.#why.hidden = why === null;
    if (read === this.#read) return;
    this.#read = read;
    this.element.classList.toggle("is-read", read);
    this.#unread.textContent = read ? "" : "Unread";
    this.#button.textContent = read ? "Mark unread" : "Mark read";
    this.#button.append(element("span", "visually-hidden", `: ${this.notification.title}`));
  }

  #head() {
    const { category, severity, time, source } = this.notification;
    const head = element("div", "notice-head");
    const when = element("time", "", units.moment(time.getTime() / 1000));
    when.dateTime = time.toISOString();
    const from = element("span", "notice-source", source === "server" ? "from this server" : "");
    head.append(
      element("span", "notice-severity", SEVERITY_WORDS[severity]),
      element("span", "notice-category", category),
      when,
      from,
      this.#unread,
      this.#button,
    );
    return head;
  }
}

/**
 * @param {string} text
 * @param {string} title
 * @returns {HTMLElement[]}
 */
function body(text, title) {
  const paragraph = element("p", "notice-text", text);
  paragraph.dir = "auto";
  if (text.length <= FOLD_CHARACTERS && text.split("\n").length <= FOLD_LINES) return [paragraph];
  paragraph.classList.add("is-folded");
  const words = document.createTextNode("Show all");
  const unfold = button("button-quiet notice-unfold", "", () => {
    const folded = paragraph.classList.toggle("is-folded");
    unfold.setAttribute("aria-expanded", String(!folded));
    words.nodeValue = folded ? "Show all" : "Show less";
  });
  unfold.setAttribute("aria-expanded", "false");
  unfold.append(words, element("span", "visually-hidden", `: ${title}`));
  return [paragraph, unfold];
}
