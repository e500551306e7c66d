// The inspector's form that publishes one event and shows the server's answer.

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
  if (!topic) return say(answer, "Enter a topic, such as greetings or orders/new.", true);
  const type = text("event").trim();
  const path = `/topics/${topic.split("/").map(encodeURIComponent).join("/")}`;
  try {
    // The text's line ends are LF; only a form submitted by the browser itself would have CRLF.
    const { id } = await call(type ? `${path}?event=${encodeURIComponent(type)}` : path, text("data"));
    say(answer, `Stored as ${id}`);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const { status, message } = error;
    say(answer, status === 0 ? "The server cannot be reached. The event may not be stored." : `Refused (${status}): ${message}`, true);
  }
}
