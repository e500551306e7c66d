// The inspector's form that publishes one event, and says what the server answered.

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
  const tell = (/** @type {string} */ words, /** @type {boolean} */ failed) => {
    answer.textContent = words;
    answer.toggleAttribute("data-failed", failed);
  };
  const topic = text("topic").trim();
  if (!topic) return tell("Give a topic, such as greetings or orders/new.", true);
  const type = text("event").trim();
  const url = new URL(`/topics/${topic.split("/").map(encodeURIComponent).join("/")}`, location.href);
  if (type) url.searchParams.set("event", type);
  try {
    // A form's line ends are CRLF only when a browser sends the form itself.
    const response = await fetch(url, { method: "POST", body: text("data"), headers: { "Content-Type": "text/plain" } });
    const body = await response.json();
    tell(response.ok ? `Stored as ${body.id}` : `Refused (${response.status}): ${body.detail}`, !response.ok);
  } catch {
    tell("The server cannot be reached; nothing is known to be stored.", true);
  }
}
