// The watched symbols in the visitor's order, stored in this browser. Knows no prices.

import { Stored } from "../stored.js";
import { parseSymbol } from "./quote.js";

/** Limit of symbols: each is a selector, of which a stream takes 100. */
export const MAX_WATCHED = 50;

export class WatchList extends EventTarget {
  #stored = new Stored("ticker.watch", parse);
  #symbols = this.#stored.value ?? [];

  constructor() {
    super();
    this.#stored.addEventListener("change", () => this.#set(this.#stored.value ?? []));
  }

  /** A list was stored before, possibly an empty one. */
  get isStored() {
    return this.#stored.value !== null;
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

  /** The list of a first visit; not stored. @param {string[]} symbols */
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

  /** Swaps it with the one above. @param {string} symbol */
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
    this.#stored.update(() => symbols);
  }

  /** @param {string[]} symbols */
  #set(symbols) {
    this.#symbols = symbols;
    this.dispatchEvent(new Event("change"));
  }
}

/** @param {any} list as it was stored @returns {string[] | null} null when nothing was */
function parse(list) {
  if (!Array.isArray(list)) return null;
  const symbols = list.map(parseSymbol).filter((symbol) => symbol !== null);
  return [...new Set(symbols)].slice(0, MAX_WATCHED);
}
