// A note that events are missing, and why. Filled from a `gap` event; disappears after a while.

import { parsed } from "./json.js";
import * as units from "./units.js";

export class GapNote {
  #place;
  #what;
  #shownMs;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;

  /**
   * @param {HTMLElement} place
   * @param {string} what is missing, in the plural
   * @param {number} [shownMs] how long it stays, default for ever
   */
  constructor(place, what, shownMs = Infinity) {
    this.#place = place;
    this.#what = what;
    this.#shownMs = shownMs;
  }

  /** @param {string} json data of the `gap` event */
  show(json) {
    const reason = parsed(json)?.reason;
    const why = typeof reason === "string" ? ` (${reason.replaceAll("-", " ")})` : "";
    this.#place.textContent = `Some ${this.#what} before ${units.clock(Date.now() / 1000)} are missing${why}`;
    this.#place.hidden = false;
    clearTimeout(this.#timer);
    if (Number.isFinite(this.#shownMs)) this.#timer = setTimeout(() => (this.#place.hidden = true), this.#shownMs);
  }
}
