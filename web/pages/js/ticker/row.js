// One line of the watch list: symbol, price, change, sparkline, buttons. Shows a quote; decides nothing.

import { button, element, write } from "../element.js";
import { Sparkline } from "./sparkline.js";

/** @typedef {import("./quote.js").Tick} Tick */
/** @typedef {{symbol: string, latest: Tick | null, points: number[], direction: number, changes: number}} Shown */

/** How long a changed price is highlighted. */
const FLASH_MS = 700;
const still = matchMedia("(prefers-reduced-motion: reduce)");

/** @param {string} sign @param {string} label @param {() => void} act */
function signButton(sign, label, act) {
  const made = button("button-quiet", sign, act);
  made.setAttribute("aria-label", label);
  made.title = label;
  return made;
}

/** @param {number} value @param {number} decimals */
function signed(value, decimals) {
  const sign = value > 0 ? "+" : value < 0 ? "−" : "±";
  return sign + figure(Math.abs(value), decimals);
}

/** `1,234.50`; from ten million on `12.35M`, to fit the column. @param {number} value @param {number} decimals */
function figure(value, decimals) {
  if (value >= 1e7) return value.toLocaleString("en", { notation: "compact", maximumFractionDigits: 2 });
  return value.toLocaleString("en", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
}

export class Row {
  element;
  symbol;
  up;
  remove;
  #name = element("span", "symbol-name");
  #price = element("span", "price-figure", "–");
  #arrow = element("span", "change-arrow");
  #change = document.createTextNode("–");
  #percent = element("span", "change-line change-percent");
  #sparkline = new Sparkline();
  #drawn = { changes: 0, at: -1, points: -1 };

  /**
   * @param {string} symbol
   * @param {{moveUp: () => void, remove: () => void}} actions
   */
  constructor(symbol, actions) {
    this.symbol = symbol;
    this.up = signButton("↑", `Move ${symbol} up`, actions.moveUp);
    this.remove = signButton("✕", `Remove ${symbol}`, actions.remove);
    const head = element("th", "quote-symbol", element("span", "symbol-code", symbol), this.#name);
    head.scope = "row";
    this.#arrow.setAttribute("aria-hidden", "true");
    const change = element("span", "change-line", this.#arrow, this.#change);
    this.element = element(
      "tr",
      "",
      head,
      element("td", "quote-price", this.#price),
      element("td", "quote-change", change, this.#percent),
      element("td", "quote-trend", this.#sparkline.element),
      element("td", "quote-actions", this.up, this.remove),
    );
    this.element.dataset.symbol = symbol;
  }

  /** The symbol's name, or the source of its price. @param {string} name */
  setName(name) {
    if (this.#name.textContent === name) return;
    this.#name.textContent = name;
    this.#name.title = name;
  }

  /** @param {Shown} quote */
  draw({ latest, points, direction, changes }) {
    if (!latest || (this.#drawn.at === latest.at && this.#drawn.points === points.length && this.#drawn.changes === changes)) return;
    write(this.#price, figure(latest.price, latest.decimals));
    this.#arrow.textContent = latest.change > 0 ? "▲" : latest.change < 0 ? "▼" : "●";
    this.#change.data = signed(latest.change, latest.changeDecimals);
    this.#percent.textContent = `${signed(latest.changePercent, 2)}\u00a0%`;
    this.element.dataset.trend = latest.change > 0 ? "up" : latest.change < 0 ? "down" : "flat";
    this.#sparkline.draw(points);
    if (changes !== this.#drawn.changes) this.#flash(direction);
    this.#drawn = { changes, at: latest.at, points: points.length };
  }

  /** @param {number} direction */
  #flash(direction) {
    if (still.matches) return;
    const colour = `color-mix(in srgb, var(${direction > 0 ? "--good" : "--bad"}) 30%, transparent)`;
    this.#price.animate([{ backgroundColor: colour }, { backgroundColor: "transparent" }], { duration: FLASH_MS, easing: "ease-out" });
  }
}
