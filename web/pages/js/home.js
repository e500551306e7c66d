// The home page: the hub's own figures, what arrives on its calmer topics, and examples that name this page's own address.

import { SseClient } from "../sse.js";
import { ConnectionView } from "./connection.js";
import { byId } from "./element.js";
import { EventList } from "./event-list.js";
import { parsed } from "./json.js";
import { PauseButton } from "./pause-button.js";
import * as units from "./units.js";

/** What the list shows: not the ticker, which would crowd out everything else. */
const TOPICS = ["metrics", "clock", "notifications", "chat/*", "greetings"];

/** @type {Record<string, string>} */
const EXAMPLES = {
  curl: `curl -N ${location.origin}/events`,
  browser: [
    `const source = new EventSource("${location.origin}/events");`,
    `source.onmessage = (event) => console.log(JSON.parse(event.data).message);`,
    `source.addEventListener("metrics", (event) => console.log(event.data));`,
  ].join("\n"),
  publish: `curl -d hello ${location.origin}/topics/greetings`,
  resume: `curl -N '${location.origin}/events?last_event_id=earliest'`,
};

const client = new SseClient("/events", { topics: TOPICS });
const connection = new ConnectionView(byId("connection"), client);
const list = new EventList(byId("events"));
client.on("*", (event) => list.add(event));
client.on("metrics", (event) => showFigures(event.data));

/** The hub's figures come with the metrics. @param {string} data */
function showFigures(data) {
  const hub = parsed(data)?.hub;
  for (const [name, format] of Object.entries({ streams: units.count, topics: units.count, eventsPerSecond: units.decimal })) {
    const figure = document.querySelector(`[data-hub="${name}"]`);
    if (figure) figure.textContent = format(hub?.[name]);
  }
}

new PauseButton(byId("pause"), (paused) => {
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
