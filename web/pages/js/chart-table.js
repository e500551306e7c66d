// The figures of one chart as a table, newest first, shown in place of the chart on demand. Stores no samples.

import { element } from "./element.js";
import * as units from "./units.js";

/** @typedef {import("./chart-specs.js").ChartSpec} ChartSpec */

/** Limit of rows, newest first. */
const MAX_ROWS = 60;

export class ChartTable {
  #spec;
  #plot;
  #root;
  #button;
  #words;
  #body = element("tbody", "");
  /** @type {(() => void) | undefined} */
  #refill;

  /** @param {HTMLElement} figure @param {ChartSpec} spec */
  constructor(figure, spec) {
    this.#spec = spec;
    this.#plot = /** @type {HTMLElement} */ (figure.querySelector(".chart-plot"));
    this.#root = /** @type {HTMLElement} */ (figure.querySelector(".chart-table"));
    this.#button = /** @type {HTMLButtonElement} */ (figure.querySelector("button"));
    this.#words = /** @type {Text} */ (this.#button.firstChild);
    this.#button.addEventListener("click", () => this.#toggle());
    this.setSpec(spec);
  }

  /** @param {ChartSpec} spec */
  setSpec(spec) {
    this.#spec = spec;
    const table = element("table", "");
    const head = table.createTHead().insertRow();
    for (const label of ["Time", ...spec.lines.map((line) => line.label)]) {
      const cell = element("th", "", label);
      cell.scope = "col";
      head.append(cell);
    }
    this.#body = table.createTBody();
    this.#root.replaceChildren(table);
  }

  /** @param {import("./history.js").History} history @param {number} seconds */
  show(history, seconds) {
    this.#refill = () => this.#fill(history.last(seconds).slice(-MAX_ROWS).reverse());
    if (!this.#root.hidden) this.#refill();
  }

  /** Rewrites cells and never replaces them, so that scroll and reading positions survive.
   * @param {import("./history.js").Sample[]} samples */
  #fill(samples) {
    while (this.#body.rows.length > samples.length) this.#body.deleteRow(-1);
    samples.forEach((sample, i) => {
      const row = this.#body.rows[i] ?? this.#newRow();
      const texts = [units.clock(sample.at), ...this.#spec.lines.map((line) => this.#spec.format(line.pick(sample)))];
      texts.forEach((text, column) => {
        const cell = row.cells[column];
        if (cell) cell.textContent = text;
      });
    });
  }

  #newRow() {
    const row = this.#body.insertRow();
    const time = element("th", "");
    time.scope = "row";
    row.append(time, ...this.#spec.lines.map(() => element("td", "")));
    return row;
  }

  #toggle() {
    const shown = this.#root.hidden;
    this.#root.hidden = !shown;
    this.#plot.hidden = shown;
    this.#button.setAttribute("aria-expanded", String(shown));
    this.#words.data = shown ? "Show as chart" : "Show as table";
    if (shown) this.#refill?.();
  }
}
