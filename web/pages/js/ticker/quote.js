// One symbol: its newest price and the prices before it. Validates what the topic delivers.

import { parsed } from "../json.js";

/** Prices in a sparkline. */
export const MAX_POINTS = 60;
/** Recent ids, to drop prices that arrive both by history and by stream. */
const MAX_IDS = 400;

/** @typedef {{price: number, change: number, changePercent: number, decimals: number, changeDecimals: number, at: number, source: string}} Tick */

/** The server's rule: 1 to 16 characters. */
const SYMBOL = /^[A-Z0-9][A-Z0-9._:-]{0,15}$/;

/**
 * The symbol in capital letters; null when it is not valid.
 * @param {unknown} text
 * @returns {string | null}
 */
export function parseSymbol(text) {
  if (typeof text !== "string") return null;
  const symbol = text.trim().toUpperCase();
  return SYMBOL.test(symbol) ? symbol : null;
}

/**
 * Validated, because anybody can publish to the topic.
 * @param {string} json
 * @returns {Tick | null}
 */
export function parseTick(json) {
  const { price, change, changePercent, time, source } = parsed(json) ?? {};
  const at = Date.parse(time) / 1000;
  if (![price, change, changePercent, at].every(Number.isFinite)) return null;
  const [decimals, changeDecimals] = [decimalsOf(json, "price"), decimalsOf(json, "change")];
  return { price, change, changePercent, decimals, changeDecimals, at, source: String(source) };
}

/** The number of decimals as sent: 101.50 has two. @param {string} json @param {"price" | "change"} field */
function decimalsOf(json, field) {
  const decimals = new RegExp(`"${field}":\\s*-?\\d+\\.(\\d+)`).exec(json)?.[1]?.length ?? 2;
  return Math.min(6, Math.max(2, decimals));
}

export class Quote {
  symbol;
  /** @type {Tick | null} */
  latest = null;
  /** Prices, oldest first. @type {number[]} */
  points = [];
  /** Direction of the last change: 1 up, -1 down, 0 before the first. */
  direction = 0;
  /** Number of live price changes. */
  changes = 0;
  /** @type {Set<string>} */
  #ids = new Set();

  /** @param {string} symbol */
  constructor(symbol) {
    this.symbol = symbol;
  }

  /**
   * A price from the stream.
   * @param {Tick} tick
   * @param {string} id
   */
  add(tick, id) {
    if (!this.#isNew(id)) return false;
    if (this.latest && tick.price !== this.latest.price) {
      this.direction = Math.sign(tick.price - this.latest.price);
      this.changes += 1;
    }
    this.latest = tick;
    this.points.push(tick.price);
    if (this.points.length > MAX_POINTS) this.points.shift();
    return true;
  }

  /**
   * Stored prices, oldest first; they go before those that the stream delivered in the meantime.
   * @param {{tick: Tick, id: string}[]} kept
   */
  addKept(kept) {
    const older = kept.filter(({ id }) => this.#isNew(id)).map(({ tick }) => tick);
    this.latest ??= older.at(-1) ?? null;
    this.points = [...older.map((tick) => tick.price), ...this.points].slice(-MAX_POINTS);
  }

  /** A snapshot to draw while paused. */
  copy() {
    return { symbol: this.symbol, latest: this.latest, points: [...this.points], direction: this.direction, changes: this.changes };
  }

  /** @param {string} id */
  #isNew(id) {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    if (this.#ids.size > MAX_IDS) {
      const [oldest] = this.#ids;
      if (oldest !== undefined) this.#ids.delete(oldest);
    }
    return true;
  }
}
