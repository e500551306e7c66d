// Legend of one chart: a swatch, a name and the newest value (or the one under the pointer) for each line.
// Also the only place that knows a line's colour, because style sheets set it.

import { element } from "./element.js";

/** @typedef {import("./chart-specs.js").ChartSpec} ChartSpec */

export class Legend {
  root;
  #spec;
  /** @type {{swatch: HTMLElement, value: HTMLElement}[]} */
  #entries = [];

  /** @param {HTMLElement} root @param {ChartSpec} spec */
  constructor(root, spec) {
    this.root = root;
    this.#spec = spec;
    this.setSpec(spec);
  }

  /** @param {ChartSpec} spec */
  setSpec(spec) {
    this.#spec = spec;
    this.#entries = [];
    this.root.replaceChildren(...spec.lines.map((line) => this.#entry(line)));
  }

  /** The current colour of a line. @param {number} index */
  colour(index) {
    const entry = this.#entries[index];
    return entry ? getComputedStyle(entry.swatch).color : "gray";
  }

  /** @param {import("./history.js").Sample | undefined} sample */
  show(sample) {
    this.showValues(this.#spec.lines.map((line) => sample && line.pick(sample)));
  }

  /** @param {(number | null | undefined)[]} values */
  showValues(values) {
    this.#entries.forEach(({ value }, i) => {
      value.textContent = this.#spec.format(values[i]);
    });
  }

  /** @param {import("./chart-specs.js").Line} line */
  #entry(line) {
    const swatch = element("span", line.colour > 0 ? `chart-swatch series-${line.colour}` : "chart-swatch");
    if (line.colour === 0) swatch.style.color = `hsl(${line.hue ?? 0} 55% 55%)`;
    swatch.setAttribute("aria-hidden", "true");
    const value = element("span", "chart-value");
    const item = element("li", "", swatch, element("span", "", line.label), value);
    item.hidden = line.hiddenInLegend ?? false;
    this.#entries.push({ swatch, value });
    return item;
  }
}
