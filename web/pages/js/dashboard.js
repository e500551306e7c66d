// The dashboard page: feeds samples into the history, and draws the newest state once a frame. Only wiring: figures, charts,
// lists and connection state each have their own file.

import { SseClient } from "../sse.js";
import { Chart } from "./chart.js";
import { cpuSpec, loadSpec, memorySpec, networkSpec } from "./chart-specs.js";
import { ConnectionView } from "./connection.js";
import { diskRows, interfaceRows } from "./devices.js";
import { byId } from "./element.js";
import { GapNote } from "./gap-note.js";
import { History, parseSample } from "./history.js";
import { PauseButton } from "./pause-button.js";
import { recall, remember } from "./settings.js";
import { Tiles } from "./tiles.js";
import * as units from "./units.js";

/** A gap is mentioned for as long as a chart could show it. */
const GAP_NOTE_MS = 3_600_000;
/** Samples loaded on opening: an hour at the default interval of 2 s, about 1.5 MB. uPlot thins out what it draws. */
const LOADED_SAMPLES = 1800;

const history = new History();
/** What is drawn: the history itself, or a copy of it while paused. */
let shown = history;
const tiles = new Tiles(document);
const showDisks = diskRows(byId("disks"), byId("disks-more"));
const showInterfaces = interfaceRows(byId("interfaces"), byId("interfaces-more"));
let cores = 1;
const cpuChart = new Chart(byId("chart-cpu"), cpuSpec(cores));
const charts = [
  cpuChart,
  new Chart(byId("chart-memory"), memorySpec),
  new Chart(byId("chart-network"), networkSpec),
  new Chart(byId("chart-load"), loadSpec),
];
let windowSeconds = 300;
let frame = 0;

const client = new SseClient("/events", { topics: ["metrics"], last: LOADED_SAMPLES });
const connection = new ConnectionView(byId("connection"), client);
const gap = new GapNote(byId("gap"), "samples", GAP_NOTE_MS);
const pause = new PauseButton(byId("pause"), setPaused);

client.on("metrics", (event) => {
  const sample = parseSample(event.data);
  if (!sample || !history.add(sample)) return;
  scheduleDraw();
});
client.on("gap", (event) => gap.show(event.data));

/** Draws once a frame, however many samples arrived. Paused or hidden, only the history grows. */
function scheduleDraw() {
  if (pause.paused || document.hidden || frame !== 0) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    draw();
  });
}

function draw() {
  const sample = shown.latest;
  if (!sample) return;
  if (sample.cpus?.length && sample.cpus.length !== cores) {
    cores = sample.cpus.length;
    cpuChart.setSpec(cpuSpec(cores));
  }
  tiles.show(sample);
  for (const chart of charts) chart.draw(shown, windowSeconds);
  showDisks(sample.disks ?? []);
  showInterfaces(sample.networks ?? []);
  const updated = byId("updated");
  updated.textContent = units.clock(sample.at);
  updated.setAttribute("datetime", sample.time);
}

/** @param {boolean} on */
function setPaused(on) {
  connection.setPaused(on);
  shown = on ? history.copy() : history;
  draw();
}

function restyle() {
  for (const chart of charts) chart.restyle();
  draw();
}

function chooseWindow() {
  const stored = recall("window");
  for (const input of document.querySelectorAll("input[name=window]")) {
    if (!(input instanceof HTMLInputElement)) continue;
    if (input.value === stored) input.checked = true;
    if (input.checked) windowSeconds = Number(input.value);
    input.addEventListener("change", () => {
      windowSeconds = Number(input.value);
      remember("window", input.value);
      draw();
    });
  }
}

document.addEventListener("visibilitychange", scheduleDraw);
document.addEventListener("themechange", restyle);
const origin = document.querySelector("[data-origin]");
if (origin) origin.textContent = `curl -N ${location.origin}/dashboard-events`;
chooseWindow();
client.open();
