// A form's feedback: complaints at its fields, and the result of sending it.

import { write } from "./element.js";

/**
 * @param {HTMLElement} input
 * @param {HTMLElement} place described by the input's `aria-describedby`
 * @param {string} problem "" when there is none
 */
export function complain(input, place, problem) {
  place.textContent = problem;
  if (problem === "") input.removeAttribute("aria-invalid");
  else input.setAttribute("aria-invalid", "true");
}

/** @param {HTMLElement} place a live region @param {string} words @param {boolean} [failed] */
export function say(place, words, failed = false) {
  write(place, words);
  place.toggleAttribute("data-failed", failed);
}
