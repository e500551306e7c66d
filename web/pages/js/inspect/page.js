// The inspector: opens what the form names, and hands each event to the list and the counters.

import { SseClient } from "../../sse.js";
import { ConnectionView } from "../connection.js";
import { byId } from "../element.js";
import { PauseButton } from "../pause-button.js";
import { Counters } from "./counters.js";
import { EventLog } from "./event-log.js";
import { publishForm } from "./publish-form.js";
import * as target from "./target.js";

/** @typedef {import("./target.js").Target} Target */

const form = byId("target", HTMLFormElement);
const encoder = new TextEncoder();

const counters = new Counters(byId("counters"));
const log = new EventLog(byId("events"), byId("shown"), resume);
/** @type {SseClient | null} */
let client = null;
/** @type {ConnectionView | null} */
let view = null;

/** @param {Target} wanted */
function connect(wanted) {
  client?.close();
  view?.end();
  byId("target-problem").textContent = "";
  history.replaceState(null, "", target.intoSearch(wanted));
  const opened = new SseClient(wanted.url, target.options(wanted));
  client = opened;
  view = new ConnectionView(byId("connection"), opened);
  view.setPaused(pause.paused);
  let state = opened.state;
  opened.addEventListener("statechange", () => {
    if (opened.state === "live" && state !== "live") counters.connected();
    state = opened.state;
  });
  opened.on("*", ({ type, data, lastEventId, topic }) => {
    const arrival = { at: Date.now(), type, data, lastEventId, topic, bytes: encoder.encode(data).length };
    counters.event(arrival);
    log.add(arrival);
  });
  opened.open();
}

function connectToForm() {
  try {
    connect(target.fromForm(form));
  } catch (error) {
    byId("target-problem").textContent = error instanceof Error ? error.message : String(error);
  }
}

/** Reads on after this id, as a reader does that comes back with it. @param {string} id */
function resume(id) {
  const wanted = { ...target.fromForm(form), start: /** @type {const} */ ("id"), id };
  target.intoForm(form, wanted);
  showFields();
  connect(wanted);
}

/** Only the fields that matter for what is chosen. */
function showFields() {
  const chosen = new FormData(form);
  for (const field of form.querySelectorAll("[data-for]")) {
    if (!(field instanceof HTMLElement)) continue;
    field.hidden = ![chosen.get("source"), chosen.get("start")].includes(field.dataset.for ?? "");
  }
}

const pause = new PauseButton(byId("pause"), (paused) => {
  log.setPaused(paused);
  view?.setPaused(paused);
});
byId("clear").addEventListener("click", () => {
  log.clear();
  counters.clear();
});
byId("disconnect").addEventListener("click", () => client?.close());
const filter = byId("filter", HTMLInputElement);
filter.addEventListener("input", () => log.setFilter(filter.value));
for (const choice of document.querySelectorAll("input[name=view]")) {
  choice.addEventListener("change", () => log.setView(/** @type {"pretty" | "wire"} */ (/** @type {HTMLInputElement} */ (choice).value)));
}
form.addEventListener("change", showFields);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  connectToForm();
});
publishForm(byId("publish", HTMLFormElement), byId("published"));

const named = target.fromSearch(location.search);
if (named) target.intoForm(form, named);
showFields();
connectToForm();
