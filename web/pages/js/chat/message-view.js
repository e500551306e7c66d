// The elements of one line of the conversation. User content is set as text, never as markup.

import { button, element } from "../element.js";
import * as units from "../units.js";

/** @typedef {{id: string, username: string, text: string, time: Date}} Message */

/** @param {Date} time */
function clock(time) {
  const made = element("time", "", units.minute(time.getTime() / 1000));
  made.dateTime = time.toISOString();
  made.title = `${units.day(time.getTime() / 1000)}, ${units.clock(time.getTime() / 1000)}`;
  return made;
}

/** @param {Message} message @param {{follows: boolean}} how `follows`: shares the heading of the one before */
export function messageLine({ username, text, time }, { follows }) {
  const head = element("p", follows ? "message-head visually-hidden" : "message-head", element("bdi", "message-name", username), " ", clock(time));
  const body = element("p", "message-text", text);
  body.dir = "auto";
  const line = element("li", follows ? "message follows" : "message", head, body);
  line.dataset.username = username;
  return line;
}

/** Marks a message as the visitor's own, or not. @param {Element} line @param {string} own */
export function markOwn(line, own) {
  if (line instanceof HTMLElement) line.classList.toggle("own", line.dataset.username === own);
}

/** @param {Date} time */
export const dayLine = (time) => element("li", "day", units.day(time.getTime() / 1000));

/** @param {string} username @param {string} what */
export const personNote = (username, what) => element("li", "note", element("bdi", "", username), ` ${what}`);

/** @param {string} text */
export const gapNote = (text) => element("li", "note gap", text);

/** The state of an unsent message in words. @param {import("./outbox.js").State} state @param {string} problem */
function stateWords(state, problem) {
  switch (state) {
    case "sending":
    case "sent":
      return "Sending…";
    case "slowed":
      return "Rate limit reached; trying again shortly";
    case "waiting":
      return "Not sent yet; waiting for the connection";
    case "refused":
      return `Not sent: ${problem}`;
  }
}

/**
 * A message that has not appeared in the room yet.
 * @param {{message: import("./store.js").Unsent, state: import("./outbox.js").State, problem: string}} entry
 * @param {{again: () => void, discard: () => void}} actions
 */
export function unsentLine({ message, state, problem }, { again, discard }) {
  const line = messageLine({ ...message, id: message.key, time: new Date(message.at) }, { follows: true });
  line.classList.add("own", "unsent", state === "sent" ? "sending" : state);
  const words = element("p", "message-state", element("span", "", stateWords(state, problem)));
  if (state === "refused") words.append(button("", "Send again", again));
  if (state === "refused" || state === "waiting") words.append(button("", "Discard", discard));
  line.append(words);
  return line;
}
