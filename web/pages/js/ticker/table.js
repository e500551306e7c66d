// The watch list as a table: its rows and their order. Shows quotes; does not fetch them.

import { recall, remember } from "../settings.js";
import { Row } from "./row.js";

/** @typedef {import("./row.js").Shown} Shown */
/** @typedef {"symbol" | "price" | "change"} Column */
/** @typedef {{column: Column | null, descending: boolean}} Order no column: the visitor's own order */

const KEY = "ticker.sort";
/** A list sorted by a changing column is re-sorted this often, but not while the pointer or focus is in it. */
const RESORT_MS = 3000;

/** @param {string | null} text @returns {Order} */
function parseOrder(text) {
  const [column, direction] = (text ?? "").split(" ");
  if (column === "symbol" || column === "price" || column === "change") return { column, descending: direction === "descending" };
  return { column: null, descending: false };
}

export class Table {
  #body;
  #heads;
  /** @type {Map<string, Row>} */
  #rows = new Map();
  /** @type {string[]} */
  #symbols = [];
  #order = parseOrder(recall(KEY));
  #sortedAt = 0;
  #actions;

  /**
   * @param {HTMLElement} table
   * @param {{moveUp: (symbol: string) => void, remove: (symbol: string) => void, sorted: () => void}} actions
   */
  constructor(table, actions) {
    this.#actions = actions;
    this.#body = /** @type {HTMLElement} */ (table.querySelector("tbody"));
    this.#heads = [...table.querySelectorAll("button[data-sort]")];
    for (const head of this.#heads) {
      if (head instanceof HTMLElement) head.addEventListener("click", () => this.#sortBy(parseOrder(head.dataset.sort ?? null).column));
    }
    this.#showOrder();
  }

  /**
   * Makes the rows those of these symbols.
   * @param {string[]} symbols in the visitor's order
   */
  setSymbols(symbols) {
    this.#symbols = symbols;
    for (const [symbol, row] of this.#rows) {
      if (symbols.includes(symbol)) continue;
      row.element.remove();
      this.#rows.delete(symbol);
    }
    for (const symbol of symbols) {
      if (!this.#rows.has(symbol)) this.#rows.set(symbol, this.#row(symbol));
    }
    this.#sortedAt = 0;
  }

  /**
   * @param {Map<string, Shown>} quotes
   * @param {(symbol: string) => string} name
   */
  draw(quotes, name) {
    for (const [symbol, row] of this.#rows) {
      row.setName(name(symbol));
      const quote = quotes.get(symbol);
      if (quote) row.draw(quote);
    }
    const due = performance.now() - this.#sortedAt > RESORT_MS && !this.#isInUse();
    if (this.#sortedAt === 0 || (this.#order.column !== null && due)) this.#arrange(quotes);
  }

  /** @param {string} symbol */
  focusUp(symbol) {
    const row = this.#rows.get(symbol);
    row?.up.focus();
  }

  /** The remove button of the row now at this index. @param {number} index @returns {boolean} */
  focusRemove(index) {
    const rows = [...this.#body.querySelectorAll("tr")];
    const symbol = rows[Math.min(index, rows.length - 1)]?.dataset.symbol;
    const row = symbol === undefined ? undefined : this.#rows.get(symbol);
    row?.remove.focus();
    return row !== undefined;
  }

  /** @param {string} symbol */
  indexOf(symbol) {
    return [...this.#body.children].indexOf(this.#rows.get(symbol)?.element ?? this.#body);
  }

  /** @param {string} symbol */
  #row(symbol) {
    const moveUp = () => {
      if (row.up.getAttribute("aria-disabled") !== "true") this.#actions.moveUp(symbol);
    };
    const row = new Row(symbol, { moveUp, remove: () => this.#actions.remove(symbol) });
    return row;
  }

  /** First click: the usual direction; second: reversed; third: the visitor's own order. @param {Column | null} column */
  #sortBy(column) {
    const usual = column !== "symbol";
    if (this.#order.column !== column) this.#order = { column, descending: usual };
    else if (this.#order.descending === usual) this.#order = { column, descending: !usual };
    else this.#order = { column: null, descending: false };
    remember(KEY, this.#order.column === null ? "" : `${this.#order.column} ${this.#order.descending ? "descending" : "ascending"}`);
    this.#showOrder();
    this.#sortedAt = 0;
    this.#actions.sorted();
  }

  #showOrder() {
    const { column, descending } = this.#order;
    for (const head of this.#heads) {
      const chosen = head instanceof HTMLElement && head.dataset.sort === column;
      head.closest("th")?.setAttribute("aria-sort", !chosen ? "none" : descending ? "descending" : "ascending");
    }
  }

  #isInUse() {
    return this.#body.contains(document.activeElement) || this.#body.matches(":hover");
  }

  /** @param {Map<string, Shown>} quotes */
  #arrange(quotes) {
    this.#sortedAt = performance.now();
    const { column, descending } = this.#order;
    const sorted = column === null ? this.#symbols : [...this.#symbols].sort(by(column, quotes));
    if (column !== null && descending) sorted.reverse();
    const rows = sorted.map((symbol) => this.#rows.get(symbol)).filter((row) => row !== undefined);
    for (const [nth, row] of rows.entries()) {
      // Only rows out of place are moved, because a moved element loses the focus.
      if (this.#body.children[nth] !== row.element) this.#body.insertBefore(row.element, this.#body.children[nth] ?? null);
      // Not `disabled`, which would lose the focus after a row was moved to the top.
      row.up.setAttribute("aria-disabled", String(column !== null || nth === 0));
    }
  }
}

/** Sorted descending, symbols without a price are last. @param {Column} column @param {Map<string, Shown>} quotes */
function by(column, quotes) {
  /** @param {string} symbol */
  const value = (symbol) => {
    const latest = quotes.get(symbol)?.latest;
    return (column === "price" ? latest?.price : latest?.changePercent) ?? -Infinity;
  };
  /** @param {string} a @param {string} b */
  const byValue = (a, b) => (value(a) === value(b) ? 0 : value(a) - value(b));
  /** @param {string} a @param {string} b */
  const bySymbol = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
  return column === "symbol" ? bySymbol : byValue;
}
