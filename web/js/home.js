// The home page: shows what arrives on /events, and examples that name this page's own address.

import { SseClient } from "../sse.js";
import { ConnectionView } from "./connection.js";
import { EventList } from "./event-list.js";

/** @param {string} id */
const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** @type {Record<string, string>} */
const EXAMPLES = {
  curl: `curl -N ${location.origin}/events`,
  browser: [
    `const source = new EventSource("${location.origin}/events");`,
    `source.onmessage = (event) => console.log(JSON.parse(event.data).message);`,
    `source.addEventListener("metrics", (event) => console.log(event.data));`,
  ].join("\n"),
  resume: `curl -N '${location.origin}/events?last_event_id=earliest'`,
};

const client = new SseClient("/events");
const connection = new ConnectionView(byId("connection"), client);
const list = new EventList(byId("events"));
client.on("*", (event) => list.add(event));

const pause = byId("pause");
pause.addEventListener("click", () => {
  const paused = pause.getAttribute("aria-pressed") !== "true";
  pause.setAttribute("aria-pressed", String(paused));
  pause.textContent = paused ? "Resume" : "Pause";
  list.setPaused(paused);
  connection.setPaused(paused);
});

for (const [name, text] of Object.entries(EXAMPLES)) {
  const code = document.querySelector(`[data-example="${name}"]`);
  const button = document.querySelector(`[data-copy="${name}"]`);
  if (code) code.textContent = text;
  button?.addEventListener("click", () => void copy(text, code, button));
}

/**
 * @param {string} text
 * @param {Element | null} code
 * @param {Element} button
 */
async function copy(text, code, button) {
  const label = button.firstChild;
  try {
    await navigator.clipboard.writeText(text);
    if (label) label.nodeValue = "Copied";
    setTimeout(() => label && (label.nodeValue = "Copy"), 2000);
  } catch {
    // No clipboard outside HTTPS and localhost: select the text, so that one key press copies it.
    if (code) getSelection()?.selectAllChildren(code);
  }
}

client.open();
