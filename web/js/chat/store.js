// What the chat keeps in the browser: the name, the rooms one has been in, messages that are not sent yet.
// Falls back to this page's memory where storage is refused.

const NAME = "sse-hub.chat.name";
const ROOMS = "sse-hub.chat.rooms";
const UNSENT = "sse-hub.chat.unsent.";
/** Rooms that are remembered. */
const MAX_ROOMS = 8;

/**
 * A message on its way.
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

/** @type {Map<string, string>} */
const memory = new Map();

/** @param {string} key */
function get(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return memory.get(key) ?? null;
  }
}

/** @param {string} key @param {string} value */
function set(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    memory.set(key, value);
  }
}

/** @param {string} key */
function remove(key) {
  memory.delete(key);
  try {
    localStorage.removeItem(key);
  } catch {
    // It was in memory alone.
  }
}

function keys() {
  try {
    return [...Object.keys(localStorage), ...memory.keys()];
  } catch {
    return [...memory.keys()];
  }
}

/** @param {string | null} text @returns {any} */
function parsed(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}

export const name = {
  get: () => get(NAME) ?? "",
  /** @param {string} value */
  set: (value) => set(NAME, value),
};

/** The rooms one has been in, newest first. @returns {string[]} */
export function rooms() {
  const found = parsed(get(ROOMS));
  return Array.isArray(found) ? found.filter((room) => typeof room === "string").slice(0, MAX_ROOMS) : [];
}

/** @param {string} room */
export function visit(room) {
  const others = rooms().filter((other) => other !== room);
  set(ROOMS, JSON.stringify([room, ...others].slice(0, MAX_ROOMS)));
}

/**
 * Each message has an entry of its own, so that tabs do not overwrite what others add.
 * @param {Unsent} message
 */
export function keep(message) {
  set(UNSENT + message.key, JSON.stringify(message));
}

/** @param {string} key */
export function forget(key) {
  remove(UNSENT + key);
}

/** @param {string} key @returns {Unsent | null} */
export function unsent(key) {
  return checked(parsed(get(UNSENT + key)));
}

/** All that is not sent yet, of all tabs and rooms, oldest first. @returns {Unsent[]} */
export function allUnsent() {
  return keys()
    .filter((key) => key.startsWith(UNSENT))
    .map((key) => unsent(key.slice(UNSENT.length)))
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
