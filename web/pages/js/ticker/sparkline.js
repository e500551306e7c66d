// A line of the last prices, without axes. The table has the figures, so it is hidden from screen readers.

import { MAX_POINTS } from "./quote.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 100;
const HEIGHT = 30;

export class Sparkline {
  element;
  #line;

  constructor() {
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("class", "sparkline");
    this.element.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("aria-hidden", "true");
    this.#line = document.createElementNS(SVG, "polyline");
    this.element.append(this.#line);
  }

  /** The newest price is at the right edge, whatever their number. @param {number[]} prices oldest first */
  draw(prices) {
    const least = Math.min(...prices);
    const most = Math.max(...prices);
    const step = WIDTH / (MAX_POINTS - 1);
    const first = WIDTH - (prices.length - 1) * step;
    const points = prices.map((price, nth) => {
      const share = most > least ? (price - least) / (most - least) : 0.5;
      return `${(first + nth * step).toFixed(1)},${(HEIGHT - share * HEIGHT).toFixed(1)}`;
    });
    this.#line.setAttribute("points", points.join(" "));
  }
}
