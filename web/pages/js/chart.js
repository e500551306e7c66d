// One chart: a uPlot in its box, its legend, its table and the time under the pointer. Keeps no samples.

import { ChartTable } from "./chart-table.js";
import { Legend } from "./chart-legend.js";
import { element } from "./element.js";
import * as units from "./units.js";

/** @typedef {import("../vendor/uplot@1.6.32/uPlot.js")} Plot */
/** @typedef {import("./chart-specs.js").ChartSpec} ChartSpec */
/** @typedef {import("./history.js").History} History */

/** The vendored file is a classic script and leaves one global. */
const UPlot = /** @type {{uPlot: typeof import("../vendor/uplot@1.6.32/uPlot.js")}} */ (/** @type {unknown} */ (globalThis)).uPlot;

/** Shortest span of the time axis, seconds, so that the first samples are not stretched over the whole width. */
const MIN_SPAN_SECONDS = 30;

export class Chart {
  #spec;
  #box;
  #legend;
  #table;
  /** The time under the pointer. */
  #time = element("time", "chart-time figures");
  /** @type {Plot | null} */
  #plot = null;
  /** @type {[number, number]} */
  #span = [0, MIN_SPAN_SECONDS];
  #top = 1;
  /** What was drawn last. @type {[History, number] | null} */
  #drawn = null;

  /**
   * @param {HTMLElement} figure the `<figure>` of dashboard.html
   * @param {ChartSpec} spec
   */
  constructor(figure, spec) {
    this.#spec = spec;
    this.#box = /** @type {HTMLElement} */ (figure.querySelector(".chart-plot"));
    this.#legend = new Legend(/** @type {HTMLElement} */ (figure.querySelector(".chart-legend")), spec);
    this.#table = new ChartTable(figure, spec);
    this.#time.hidden = true;
    new ResizeObserver(() => this.#resize()).observe(this.#box);
  }

  /** Switches to other lines, for instance when the number of cores changed. @param {ChartSpec} spec */
  setSpec(spec) {
    this.#spec = spec;
    this.#legend.setSpec(spec);
    this.#table.setSpec(spec);
    this.restyle();
  }

  /** Drops the drawing, so that the next one takes the current colours and sizes. */
  restyle() {
    this.#plot?.destroy();
    this.#plot = null;
  }

  /** @param {History} history @param {number} seconds */
  draw(history, seconds) {
    this.#drawn = [history, seconds];
    const columns = history.columns(seconds, this.#spec.lines.map((line) => line.pick));
    const times = columns[0];
    const now = times.at(-1) ?? 0;
    const span = Math.min(seconds, Math.max(MIN_SPAN_SECONDS, now - (times[0] ?? now)));
    this.#span = [now - span, now];
    let highest = 0;
    for (const column of columns.slice(1)) for (const value of column) if (value !== null && value > highest) highest = value;
    this.#top = this.#spec.top(highest, history.latest);
    if (this.#plot) this.#plot.setData(columns);
    else if (this.#box.clientWidth > 0) this.#plot = new UPlot(this.#options(), columns, this.#box);
    if (this.#plot?.cursor.idx == null) this.#legend.show(history.latest);
    this.#table.show(history, seconds);
  }

  #resize() {
    const { clientWidth: width, clientHeight: height } = this.#box;
    if (width === 0) return;
    if (this.#plot) this.#plot.setSize({ width, height });
    else if (this.#drawn) this.draw(...this.#drawn);
  }

  /** @returns {import("../vendor/uplot@1.6.32/uPlot.js").Options} */
  #options() {
    const style = getComputedStyle(this.#box);
    const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
    const font = `${Math.round(rem * 0.75)}px ${style.fontFamily}`;
    const muted = getComputedStyle(this.#legend.root).color;
    const line = getComputedStyle(this.#box.closest(".card") ?? this.#box).borderTopColor;
    const axis = { stroke: muted, font, ticks: { show: false }, grid: { stroke: line, width: 1 } };
    return {
      width: this.#box.clientWidth,
      height: this.#box.clientHeight,
      padding: [rem * 0.5, rem * 1.75, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false, setScale: false }, sync: { key: "dashboard" }, points: { size: rem * 0.4 } },
      scales: { x: { time: true, range: () => this.#span }, y: { range: () => [0, this.#top] } },
      axes: [
        { ...axis, grid: { show: false }, size: rem * 2, gap: rem * 0.5, space: rem * 5, values: timeLabels },
        { ...axis, size: rem * 4.25, gap: rem * 0.375, space: rem * 2.5, ...this.#valueAxis() },
      ],
      series: [{}, ...this.#spec.lines.map((line, i) => this.#series(line, i))],
      hooks: { init: [(plot) => plot.over.append(this.#time)], setCursor: [(plot) => this.#hover(plot)] },
    };
  }

  #valueAxis() {
    /** @type {import("../vendor/uplot@1.6.32/uPlot.js").Axis} */
    const axis = { values: (_, splits) => splits.map((value) => (this.#spec.axisFormat ?? this.#spec.format)(value)) };
    // The values are MiB and the labels GiB: powers of two give round labels.
    if (this.#spec.binary) axis.incrs = Array.from({ length: 24 }, (_, i) => 2 ** (i + 6));
    return axis;
  }

  /** @param {import("./chart-specs.js").Line} line @param {number} index */
  #series(line, index) {
    const stroke = this.#legend.colour(index);
    return {
      label: line.label,
      stroke,
      width: line.width ?? 1.75,
      fill: line.filled ? translucent(stroke) : undefined,
      points: { show: false },
      spanGaps: false,
    };
  }

  /** @param {Plot} plot */
  #hover(plot) {
    const { idx: at, left = 0 } = plot.cursor;
    this.#time.hidden = at == null;
    if (at == null) return this.#legend.show(this.#drawn?.[0].latest);
    this.#time.textContent = units.clock(plot.data[0][at] ?? 0);
    this.#time.style.setProperty("--at", `${left}px`);
    this.#legend.showValues(plot.data.slice(1).map((column) => column[at]));
  }
}

/** @param {Plot} _ @param {number[]} splits @param {number} _axis @param {number} _space @param {number} step seconds */
const timeLabels = (_, splits, _axis, _space, step) => splits.map(step < 60 ? units.clock : units.minute);

/** `rgb(1, 2, 3)`, as browsers compute colours, at one eighth. @param {string} colour */
const translucent = (colour) => colour.replace(/^rgb\((.*)\)$/, "rgba($1, 0.12)");
