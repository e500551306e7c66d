// The inspector: opens the stream that the form names, and passes each event to the list and the counters.

import { SseClient } from "../../sse.js";
import { ConnectionView } from "../connection.js";
import { byId } from "../element.js";
import { foldBelow } from "../fold.js";
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
  showProblem(null);
  // A new connection starts a new list: one of both would not tell which stream an event came from.
  log.clear();
  counters.clear();
  history.replaceState(null, "", target.intoSearch(wanted));
  const opened = new SseClient(wanted.url, target.options(wanted));
  client = opened;
  view = new ConnectionView(byId("connection"), opened);
  view.setPaused(pause.paused);
  let state = opened.state;
  opened.addEventListener("statechange", () => {
    if (opened.state === "live" && state !== "live") counters.connected();
    state = opened.state;
    if (state === "closed") showProblem(opened.problem);
  });
  opened.on("*", ({ type, data, lastEventId, topic, time, hub }) => {
    const arrival = { at: Date.now(), type, data, lastEventId, topic, time, hub, bytes: encoder.encode(data).length };
    counters.event(arrival);
    log.add(arrival);
  });
  opened.open();
}

/** Beside the button that caused it. @param {string | null} problem */
function showProblem(problem) {
  byId("target-problem").textContent = problem ?? "";
}

function connectToForm() {
  try {
    connect(target.fromForm(form));
  } catch (error) {
    showProblem(error instanceof Error ? error.message : String(error));
  }
}

/** Continues after this id, as a returning reader would. @param {string} id */
function resume(id) {
  const wanted = { ...target.fromForm(form), start: /** @type {const} */ ("id"), id };
  target.intoForm(form, wanted);
  showFields();
  connect(wanted);
}

/** Shows only the fields that apply to the current choice. */
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

foldBelow("60em");
const named = target.fromSearch(location.search);
if (named) target.intoForm(form, named);
showFields();
connectToForm();
