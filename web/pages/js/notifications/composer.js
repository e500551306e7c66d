// The form that sends a notification. The server validates it; a refusal is shown at the field it names.

import { call, Refusal } from "../call.js";
import { complain, say } from "../form-words.js";
import { randomId } from "../random-id.js";

const FIELDS = ["category", "severity", "title", "text"];

export class Composer {
  #form;
  #status;
  #button;
  #sending = false;
  /** Idempotency key of the current content: sending again after a lost answer makes no duplicate. */
  #key = randomId();

  /** @param {HTMLFormElement} form @param {HTMLElement} status live region */
  constructor(form, status) {
    this.#form = form;
    this.#status = status;
    this.#button = /** @type {HTMLButtonElement} */ (form.querySelector("button[type=submit]"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    form.addEventListener("input", (event) => {
      this.#key = randomId();
      if (event.target instanceof HTMLElement) this.#complain(event.target.getAttribute("name") ?? "", "");
    });
  }

  async #send() {
    if (this.#sending) return;
    this.#setSending(true);
    for (const field of FIELDS) this.#complain(field, "");
    say(this.#status, "Sending");
    try {
      await call("/notifications", Object.fromEntries(new FormData(this.#form)), { "Idempotency-Key": this.#key });
      this.#sent();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#refused(error);
    } finally {
      this.#setSending(false);
    }
  }

  #sent() {
    this.#key = randomId();
    for (const name of ["title", "text"]) this.#control(name).value = "";
    say(this.#status, "Sent");
    this.#control("title").focus();
  }

  /** @param {Refusal} refusal */
  #refused({ status, field, message }) {
    if (status === 0) return say(this.#status, "The server did not answer. Send it again; it cannot arrive twice.", true);
    if (field === null || !FIELDS.includes(field)) return say(this.#status, `Not sent: ${message}`, true);
    say(this.#status, "Not sent", true);
    this.#complain(field, message);
    this.#control(field).focus();
  }

  /** @param {string} field @param {string} complaint empty when there is none */
  #complain(field, complaint) {
    if (!FIELDS.includes(field)) return;
    const place = /** @type {HTMLElement} */ (this.#form.querySelector(`[data-error="${field}"]`));
    complain(this.#control(field), place, complaint);
  }

  /** @param {string} name */
  #control(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  /** The button keeps the focus. @param {boolean} sending */
  #setSending(sending) {
    this.#sending = sending;
    this.#button.setAttribute("aria-disabled", String(sending));
  }
}
