// The ticker page: subscribes to the watched symbols, and draws the newest state once a frame.
// Only wiring: list, quotes, table and connection state each have their own file.

import { SseClient } from "../../sse.js";
import { ConnectionView } from "../connection.js";
import { byId, element } from "../element.js";
import { say } from "../form-words.js";
import { GapNote } from "../gap-note.js";
import { PauseButton } from "../pause-button.js";
import * as units from "../units.js";
import { fetchHistory, fetchListings } from "./market.js";
import { parseSymbol, parseTick, Quote } from "./quote.js";
import { Table } from "./table.js";
import { MAX_WATCHED, WatchList } from "./watch-list.js";

/** @typedef {import("./row.js").Shown} Shown */
/** @typedef {import("./market.js").Listing} Listing */

/** Symbols on a first visit. */
const SUGGESTED = 6;
/** Four heartbeats of the server; after this much silence the connection is dead. */
const SILENCE_MS = 60_000;
/** How long a gap stays on the page. */
const GAP_NOTE_MS = 60_000;
const PREFIX = "ticker/";

const input = byId("symbol", HTMLInputElement);

const list = new WatchList();
/** @type {Map<string, Quote>} */
const quotes = new Map();
/** What is drawn while paused; null while not. @type {Map<string, Shown> | null} */
let frozen = null;
/** @type {Map<string, Listing>} */
let listings = new Map();
/** When the newest price arrived, seconds since 1970. */
let updated = 0;
let frame = 0;

const client = new SseClient("/events", { silenceMs: SILENCE_MS });
const connection = new ConnectionView(byId("connection"), client);
const gap = new GapNote(byId("gap"), "prices", GAP_NOTE_MS);
const table = new Table(byId("scroll"), { moveUp, remove, sorted: () => draw() });

client.on("*", (event) => {
  if (event.type === "gap") return gap.show(event.data);
  const quote = event.topic?.startsWith(PREFIX) ? quotes.get(event.topic.slice(PREFIX.length)) : undefined;
  const tick = quote && parseTick(event.data);
  if (!tick || !quote.add(tick, event.lastEventId)) return;
  updated = Date.now() / 1000;
  scheduleDraw();
});

/** Draws once a frame, however many prices arrived. Paused or hidden, only the quotes change. */
function scheduleDraw() {
  if (frozen || document.hidden || frame !== 0) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    if (!frozen) draw();
  });
}

function draw() {
  table.draw(frozen ?? quotes, describe);
  byId("empty").hidden = quotes.size > 0;
  if (frozen) return;
  byId("market").textContent = market();
  if (updated === 0) return;
  const time = byId("updated");
  time.textContent = units.clock(updated);
  time.setAttribute("datetime", new Date(updated * 1000).toISOString());
}

/** The line below a symbol. @param {string} symbol */
function describe(symbol) {
  const listing = listings.get(symbol);
  const source = quotes.get(symbol)?.latest?.source ?? listing?.source;
  if (source === "simulated") return listing?.name ?? "simulated";
  if (source === "replay") return "played back";
  return source === "posted" ? "from outside" : "no price yet";
}

/** Where the prices come from. Made-up prices are always declared. */
function market() {
  const sources = new Set([...quotes.values()].map(({ symbol, latest }) => latest?.source ?? listings.get(symbol)?.source));
  if (sources.has("simulated")) {
    return `Simulated market: these companies do not exist, and their prices are made up.${sources.has("posted") ? " Others come from an outside feed." : ""}`;
  }
  if (sources.has("replay")) return "Recorded quotes, played back at their own pace.";
  return sources.has("posted") ? "Prices from an outside feed." : "No prices yet.";
}

/** Synchronises quotes, rows and subscribed topics with the list. */
function follow() {
  const symbols = list.symbols;
  // A client without topics receives all of them.
  if (symbols.length === 0) client.close();
  for (const symbol of symbols) if (!quotes.has(symbol)) watch(symbol);
  for (const symbol of [...quotes.keys()]) if (!symbols.includes(symbol)) unwatch(symbol);
  if (symbols.length > 0) client.open();
  table.setSymbols(symbols);
  draw();
}

/** @param {string} symbol */
function watch(symbol) {
  const quote = new Quote(symbol);
  quotes.set(symbol, quote);
  client.addTopic(PREFIX + symbol);
  fetchHistory(symbol)
    .then((kept) => {
      quote.addKept(kept);
      frozen?.set(symbol, quote.copy());
      draw();
    })
    // The stream brings the next prices; only the sparkline is shorter.
    .catch((error) => console.info(`no earlier prices: ${error.message}`));
}

/** @param {string} symbol */
function unwatch(symbol) {
  quotes.delete(symbol);
  frozen?.delete(symbol);
  client.removeTopic(PREFIX + symbol);
}

/** @param {string} symbol */
function moveUp(symbol) {
  list.moveUp(symbol);
  table.focusUp(symbol);
}

/** @param {string} symbol */
function remove(symbol) {
  const index = table.indexOf(symbol);
  list.remove(symbol);
  tell(`${symbol} removed`);
  if (!table.focusRemove(index)) input.focus();
}

/** @param {SubmitEvent} event */
function add(event) {
  event.preventDefault();
  const symbol = parseSymbol(input.value);
  if (symbol === null) return refuse(`${input.value.trim()} is no symbol: 1 to 16 letters, digits, and . - _ : inside.`);
  if (list.has(symbol)) return refuse(`${symbol} is in the list already.`);
  if (list.isFull) return refuse(`The list is full: it holds ${MAX_WATCHED} symbols.`);
  list.add(symbol);
  tell(listings.has(symbol) ? `${symbol} added` : `${symbol} added; there is no price of it yet`);
  input.value = "";
}

/** @param {string} why */
function refuse(why) {
  tell(why, true);
  input.select();
}

/** @param {string} words @param {boolean} [refused] */
function tell(words, refused = false) {
  say(byId("said"), words, refused);
  input.setAttribute("aria-invalid", String(refused));
}

/** @param {boolean} on */
function setPaused(on) {
  frozen = on ? new Map([...quotes].map(([symbol, quote]) => [symbol, quote.copy()])) : null;
  connection.setPaused(on);
  draw();
}

/** Names of the symbols, and suggestions for the form. */
async function refreshListings() {
  try {
    listings = new Map((await fetchListings()).map((listing) => [listing.symbol, listing]));
  } catch (error) {
    return console.info(`no list of symbols: ${error instanceof Error ? error.message : error}`);
  }
  const options = [...listings.values()].map(({ symbol, name }) => {
    const option = element("option", "");
    option.value = symbol;
    option.label = name ?? symbol;
    return option;
  });
  byId("symbols").replaceChildren(...options);
}

function showExamples() {
  byId("examples").textContent = [
    `curl -N '${location.origin}/ticker/events?symbol=ACME'`,
    `new EventSource("${location.origin}/ticker/events?symbol=ACME").addEventListener("ACME", (event) => console.log(event.data));`,
    `curl -d '{"symbol":"TEST","price":101.50}' ${location.origin}/ticker/quotes`,
  ].join("\n");
}

new PauseButton(byId("pause"), setPaused);
byId("add").addEventListener("submit", (event) => add(/** @type {SubmitEvent} */ (event)));
input.addEventListener("focus", () => void refreshListings());
document.addEventListener("visibilitychange", scheduleDraw);
list.addEventListener("change", follow);
showExamples();
if (list.isStored) follow();
await refreshListings();
if (!list.isStored) list.suggest([...listings.keys()].slice(0, SUGGESTED));
draw();
