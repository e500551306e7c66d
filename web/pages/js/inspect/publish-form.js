// The inspector's form that publishes one event, and says what the server answered.

import { call, Refusal } from "../call.js";
import { say } from "../form-words.js";

/**
 * @param {HTMLFormElement} form with `topic`, `event` and `data`
 * @param {HTMLElement} answer
 */
export function publishForm(form, answer) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void publish(new FormData(form), answer);
  });
}

/** @param {FormData} fields @param {HTMLElement} answer */
async function publish(fields, answer) {
  const text = (/** @type {string} */ name) => String(fields.get(name) ?? "");
  const topic = text("topic").trim();
  if (!topic) return say(answer, "Give a topic, such as greetings or orders/new.", true);
  const type = text("event").trim();
  const path = `/topics/${topic.split("/").map(encodeURIComponent).join("/")}`;
  try {
    // A form's line ends are CRLF only when a browser sends the form itself.
    const { id } = await call(type ? `${path}?event=${encodeURIComponent(type)}` : path, text("data"));
    say(answer, `Stored as ${id}`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { status, message } = error;
    say(answer, status === 0 ? "The server cannot be reached; nothing is known to be stored." : `Refused (${status}): ${message}`, true);
  }
}
