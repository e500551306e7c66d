// The form that sends a notification. The server checks it; what it refuses is said at the field it names.

/** Longest wait for an answer. The same key goes with the next try, so an answer that was lost makes no double. */
const MAX_WAIT_MS = 15_000;
const FIELDS = ["category", "severity", "title", "text"];

export class Composer {
  #form;
  #status;
  #button;
  #sending = false;
  /** Of the content as it is now; a change makes it another notification. */
  #key = newKey();

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
      this.#key = newKey();
      if (event.target instanceof HTMLElement) this.#complain(event.target.getAttribute("name") ?? "", "");
    });
  }

  async #send() {
    if (this.#sending) return;
    this.#setSending(true);
    for (const field of FIELDS) this.#complain(field, "");
    this.#say("Sending", false);
    try {
      const response = await fetch("/notifications", {
        method: "POST",
        headers: { "Content-Type": "application/json", "Idempotency-Key": this.#key },
        body: JSON.stringify(Object.fromEntries(new FormData(this.#form))),
        signal: AbortSignal.timeout(MAX_WAIT_MS),
      });
      if (response.ok) this.#sent();
      else this.#refused(await response.json().catch(() => ({})), response.status);
    } catch {
      this.#say("The server did not answer. Send again: it will not arrive twice.", true);
    } finally {
      this.#setSending(false);
    }
  }

  #sent() {
    this.#key = newKey();
    for (const name of ["title", "text"]) this.#control(name).value = "";
    this.#say("Sent", false);
    this.#control("title").focus();
  }

  /** @param {any} problem @param {number} status */
  #refused(problem, status) {
    const detail = typeof problem?.detail === "string" ? problem.detail : `The server answered ${status}.`;
    if (!FIELDS.includes(problem?.field)) {
      this.#say(detail, true);
      return;
    }
    this.#say("Not sent", true);
    this.#complain(problem.field, detail);
    this.#control(problem.field).focus();
  }

  /** @param {string} field @param {string} complaint empty when there is none */
  #complain(field, complaint) {
    if (!FIELDS.includes(field)) return;
    const place = /** @type {HTMLElement} */ (this.#form.querySelector(`[data-error="${field}"]`));
    place.textContent = complaint;
    place.hidden = complaint === "";
    if (complaint === "") this.#control(field).removeAttribute("aria-invalid");
    else this.#control(field).setAttribute("aria-invalid", "true");
  }

  /** @param {string} name */
  #control(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  /** @param {string} words @param {boolean} bad */
  #say(words, bad) {
    this.#status.textContent = words;
    this.#status.classList.toggle("is-bad", bad);
  }

  /** The button stays where the focus is. @param {boolean} sending */
  #setSending(sending) {
    this.#sending = sending;
    this.#button.setAttribute("aria-disabled", String(sending));
  }
}

/** 128 random bits. `randomUUID` is there on HTTPS and localhost only. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
