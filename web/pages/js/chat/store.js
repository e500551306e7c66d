// What the chat stores in the browser: the name, visited rooms, unsent messages.

import { parsed } from "../json.js";
import * as settings from "../settings.js";

const NAME = "chat.name";
const ROOMS = "chat.rooms";
const UNSENT = "chat.unsent.";
/** Limit of visited rooms. */
const MAX_ROOMS = 8;

/**
 * An unsent message.
 * @typedef {object} Unsent
 * @property {string} key Idempotency key, and the message's id.
 * @property {string} room
 * @property {string} username
 * @property {string} text
 * @property {number} at When it was written, ms since 1970.
 * @property {string} after Id of the newest event the page knew then; "" for none.
 * @property {number} tried When it was first sent without an answer that says it is stored, ms since 1970; 0 for never.
 * @property {string} refused Why the server does not take it; "" if it may.
 */

export const name = {
  get: () => settings.recall(NAME) ?? "",
  /** @param {string} value */
  set: (value) => settings.remember(NAME, value),
};

/** Visited rooms, newest first. @returns {string[]} */
export function rooms() {
  const found = parsed(settings.recall(ROOMS));
  return Array.isArray(found) ? found.filter((room) => typeof room === "string").slice(0, MAX_ROOMS) : [];
}

/** @param {string} room */
export function visit(room) {
  const others = rooms().filter((other) => other !== room);
  settings.remember(ROOMS, JSON.stringify([room, ...others].slice(0, MAX_ROOMS)));
}

/**
 * Each message has its own entry, so that tabs do not overwrite each other's.
 * @param {Unsent} message
 */
export function keep(message) {
  settings.remember(UNSENT + message.key, JSON.stringify(message));
}

/** @param {string} key */
export function forget(key) {
  settings.forget(UNSENT + key);
}

/** @param {string} key @returns {Unsent | null} */
export function unsent(key) {
  return checked(parsed(settings.recall(UNSENT + key)));
}

/** Unsent messages of all tabs and rooms, oldest first. @returns {Unsent[]} */
export function allUnsent() {
  return settings
    .names(UNSENT)
    .map((name) => unsent(name.slice(UNSENT.length)))
    .filter((message) => message !== null)
    .sort((a, b) => a.at - b.at);
}

/** @param {any} message @returns {Unsent | null} */
function checked(message) {
  const texts = ["key", "room", "username", "text", "after", "refused"];
  const numbers = ["at", "tried"];
  const fits = message && texts.every((name) => typeof message[name] === "string") && numbers.every((name) => typeof message[name] === "number");
  return fits ? message : null;
}
