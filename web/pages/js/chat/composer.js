// The field for a new message: Enter sends, Shift+Enter starts a new line. Complains about length while the user types.

import { say } from "../form-words.js";
import { length, MAX_TEXT } from "./limits.js";

/** From this many characters left, they are counted down. */
const COUNT_FROM = 200;

export class Composer {
  #form;
  #text;
  #note;
  #send;
  /** Shown until the next input. */
  #problem = "";

  /**
   * @param {HTMLFormElement} form
   * @param {HTMLTextAreaElement} text
   * @param {HTMLElement} note
   * @param {(text: string) => string} send returns what is wrong, "" when nothing is
   */
  constructor(form, text, note, send) {
    this.#form = form;
    this.#text = text;
    this.#note = note;
    this.#send = send;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    text.addEventListener("keydown", (event) => {
      // While an input method composes, Enter chooses a word.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
    text.addEventListener("input", () => {
      this.#problem = "";
      this.#show();
    });
    this.#show();
  }

  focus() {
    this.#text.focus();
  }

  /** @param {boolean} shown */
  setShown(shown) {
    this.#form.hidden = !shown;
  }

  #submit() {
    const text = this.#text.value.trim();
    if (!text) return;
    this.#problem = length(text) > MAX_TEXT ? tooLong(text) : this.#send(text);
    if (!this.#problem) this.#text.value = "";
    this.#show();
    this.#text.focus();
  }

  #show() {
    const text = this.#text.value.trim();
    const left = MAX_TEXT - length(text);
    const problem = this.#problem || (left < 0 ? tooLong(text) : "");
    const words = problem || (left <= COUNT_FROM ? `${left} characters left` : "");
    say(this.#note, words, problem !== "");
    this.#text.setAttribute("aria-invalid", String(problem !== ""));
  }
}

/** @param {string} text */
function tooLong(text) {
  return `Too long: ${length(text) - MAX_TEXT} characters over the limit of ${MAX_TEXT.toLocaleString("en")}.`;
}
