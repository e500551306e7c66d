// The home page: the hub's own figures, its newest topics, what arrives on them, and examples that name this page's address.

import { SseClient } from "../sse.js";
import { call, Refusal } from "./call.js";
import { ConnectionView } from "./connection.js";
import { byId, write } from "./element.js";
import { EventList } from "./event-list.js";
import { parsed } from "./json.js";
import { PauseButton } from "./pause-button.js";
import { TopicList } from "./topic-list.js";
import * as units from "./units.js";

/** How often figures and topics are refreshed while the page is visible. */
const REFRESH_MS = 3000;
/** Its topics would crowd out all others. */
const TICKER = "ticker/";
/** Newest events shown of topics that have just appeared. */
const CATCH_UP = 20;

/** @type {Record<string, string>} */
const EXAMPLES = {
  curl: `curl -N ${location.origin}/events`,
  browser: [
    `const source = new EventSource("${location.origin}/events?topic=greetings");`,
    `source.onmessage = (event) => console.log(event.data);`,
  ].join("\n"),
  publish: `curl -d hello ${location.origin}/topics/greetings`,
  resume: `curl -N '${location.origin}/events?last_event_id=earliest'`,
};

const client = new SseClient("/events");
const connection = new ConnectionView(byId("connection"), client);
const events = new EventList(byId("events"));
const topics = new TopicList(byId("topics"));
client.on("*", (event) => events.add(event));
client.on("metrics", (event) => showFigures({ eventsPerSecond: parsed(event.data)?.hub?.eventsPerSecond }));
byId("events").dataset.empty = `Waiting for the first event. Publish one:\n${EXAMPLES.publish}`;

/** @param {Record<string, number>} figures */
function showFigures({ connectionsOpen, eventsPerSecond, topics }) {
  const texts = { connectionsOpen: units.count(connectionsOpen), topics: units.count(topics), eventsPerSecond: units.decimal(eventsPerSecond) };
  for (const [name, text] of Object.entries(texts)) {
    if (text !== units.MISSING) write(document.querySelector(`[data-hub="${name}"]`), text);
  }
}

/** Cards of the applications that are on. Without any, the topics take their place. @param {string[]} apps */
function showApps(apps) {
  for (const card of document.querySelectorAll("[data-app]")) {
    if (card instanceof HTMLElement) card.hidden = !apps.includes(card.dataset.app ?? "");
  }
  document.body.toggleAttribute("data-bare", document.querySelector(".home-pages [data-app]:not([hidden])") === null);
}

/** The answer, or null when there is none. @param {string} url */
async function ask(url) {
  try {
    return await call(url);
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
}

async function refresh() {
  const [hub, list] = await Promise.all([ask("/hub"), ask("/topics?order=newest&limit=100")]);
  if (hub) {
    showFigures(hub);
    showApps(hub.apps);
  }
  if (list) {
    topics.show(list.topics);
    follow(list.topics.map((/** @type {import("./topic-list.js").Topic} */ { topic }) => topic));
  }
}

/** Reads these topics without the ticker's; every topic when nothing else is left. @param {string[]} newest */
function follow(newest) {
  const wanted = new Set(newest.some((topic) => topic.startsWith(TICKER)) ? newest.filter((topic) => !topic.startsWith(TICKER)) : []);
  const had = client.topics;
  const added = [...wanted].filter((topic) => !had.includes(topic));
  for (const topic of added) client.addTopic(topic);
  for (const topic of had) if (!wanted.has(topic)) client.removeTopic(topic);
  // Their first events are older than the subscription.
  if (had.length > 0 && added.length > 0) void catchUp(added);
}

/** @param {string[]} added */
async function catchUp(added) {
  const query = new URLSearchParams(added.map((topic) => ["topic", topic]));
  const page = await ask(`/poll?${query}&last=${CATCH_UP}&timeout=0`);
  for (const { id, topic, event, data, time } of page?.events ?? []) events.add({ type: event, data, lastEventId: id, topic, time });
}

new PauseButton(byId("pause"), (paused) => {
  events.setPaused(paused);
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

document.addEventListener("visibilitychange", () => document.hidden || void refresh());
setInterval(() => document.hidden || void refresh(), REFRESH_MS);
await refresh();
client.open();
