// The watched symbols in the visitor's order, remembered in this browser. Knows no prices.

import { recall, remember } from "../settings.js";
import { parseSymbol } from "./quote.js";

const KEY = "ticker.watch";
/** Most symbols: each is a selector of the stream, which has at most 100. */
export const MAX_WATCHED = 50;

export class WatchList extends EventTarget {
  /** @type {string[]} */
  #symbols;
  /** Something was stored before, if only an empty list. */
  isStored;

  constructor() {
    super();
    const stored = recall(KEY);
    this.isStored = stored !== null;
    this.#symbols = parse(stored);
    // Another tab changed it: follow.
    addEventListener("storage", (event) => {
      if (event.key?.endsWith(KEY)) this.#set(parse(event.newValue));
    });
  }

  get symbols() {
    return [...this.#symbols];
  }

  /** @param {string} symbol */
  has(symbol) {
    return this.#symbols.includes(symbol);
  }

  get isFull() {
    return this.#symbols.length >= MAX_WATCHED;
  }

  /** What a visitor sees who has chosen nothing yet; not remembered. @param {string[]} symbols */
  suggest(symbols) {
    this.#set(symbols.slice(0, MAX_WATCHED));
  }

  /** @param {string} symbol */
  add(symbol) {
    if (this.has(symbol) || this.isFull) return;
    this.#change([...this.#symbols, symbol]);
  }

  /** @param {string} symbol */
  remove(symbol) {
    this.#change(this.#symbols.filter((other) => other !== symbol));
  }

  /** Changes places with the one above. @param {string} symbol */
  moveUp(symbol) {
    const at = this.#symbols.indexOf(symbol);
    if (at < 1) return;
    const symbols = this.symbols;
    symbols.splice(at, 1);
    symbols.splice(at - 1, 0, symbol);
    this.#change(symbols);
  }

  /** @param {string[]} symbols */
  #change(symbols) {
    remember(KEY, JSON.stringify(symbols));
    this.isStored = true;
    this.#set(symbols);
  }

  /** @param {string[]} symbols */
  #set(symbols) {
    this.#symbols = symbols;
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {string | null} json @returns {string[]} */
function parse(json) {
  try {
    const list = JSON.parse(json ?? "[]");
    if (!Array.isArray(list)) return [];
    const symbols = list.map(parseSymbol).filter((symbol) => symbol !== null);
    return [...new Set(symbols)].slice(0, MAX_WATCHED);
  } catch {
    return [];
  }
}
