// Requests beside the stream: the list of symbols, and their stored prices.

import { call } from "../call.js";
import { MAX_POINTS, parseSymbol, parseTick } from "./quote.js";

/** @typedef {{symbol: string, name: string | null, source: string}} Listing */
/** @typedef {{tick: import("./quote.js").Tick, id: string}} StoredTick */

/** Every symbol that has a price, by name. @returns {Promise<Listing[]>} */
export async function fetchListings() {
  const { symbols } = await call("/ticker/symbols");
  if (!Array.isArray(symbols)) return [];
  return symbols.flatMap(({ symbol, name, source }) => {
    const parsed = parseSymbol(symbol);
    return parsed === null ? [] : [{ symbol: parsed, name: typeof name === "string" ? name : null, source: String(source) }];
  });
}

/** The newest prices of a symbol, oldest first. @param {string} symbol @returns {Promise<StoredTick[]>} */
export async function fetchHistory(symbol) {
  const { events } = await call(`/topics/ticker/${encodeURIComponent(symbol)}?last=${MAX_POINTS}`);
  if (!Array.isArray(events)) return [];
  return events.flatMap(({ id, data }) => {
    const tick = typeof data === "string" ? parseTick(data) : null;
    return tick && typeof id === "string" ? [{ tick, id }] : [];
  });
}
