// The dashboard's tiles: the newest sample as single figures. Fills the elements marked in dashboard.html.

import { networkRate } from "./chart-specs.js";
import { write } from "./element.js";
import * as units from "./units.js";

/** @typedef {import("./history.js").Sample} Sample */
/** @typedef {{figure: string, note?: string, share?: number | null}} TileText `share`: 0 to 1, null when unknown; without it there is no bar */

/** From these shares on, a bar is shown as a warning and as critical. */
const HIGH = 0.8;
const FULL = 0.95;

/** @type {Record<string, (sample: Sample) => TileText>} */
const TILES = {
  host: (s) => ({ figure: [s.hostName, s.os].filter(Boolean).join(" · ") || "Unnamed host" }),
  cpuLoad: (s) => ({ figure: units.load(s.cpuLoad), note: `5\u00a0min\u00a0${units.load(s.loadAverage?.[1])} · 15\u00a0min\u00a0${units.load(s.loadAverage?.[2])}` }),
  cpuUsage: (s) => ({ figure: units.percent(s.cpuUsage), note: `of ${units.count(s.cpuCount)} ${s.cpuCount === 1 ? "core" : "cores"}`, share: share(s.cpuUsage, 100) }),
  availableMemory: (s) => ({ figure: units.gibibytes(s.availableMemory), note: `${units.gibibytes(s.freeMemory)} unused` }),
  usedMemory: (s) => ({ figure: units.gibibytes(s.usedMemory), note: `of ${units.gibibytes(s.totalMemory)}`, share: share(s.usedMemory, s.totalMemory) }),
  uptime: (s) => ({ figure: units.duration(s.uptime), note: `since ${units.moment(s.uptime === undefined ? null : s.at - s.uptime)}` }),
  network: (s) => ({ figure: units.rate(networkRate(s, "receivedPerSecond")), note: `${units.rate(networkRate(s, "transmittedPerSecond"))} out` }),
  usedSwap: (s) =>
    s.totalSwap === 0
      ? { figure: "None", note: "no swap on this host" }
      : { figure: units.gibibytes(s.usedSwap), note: `of ${units.gibibytes(s.totalSwap)}`, share: share(s.usedSwap, s.totalSwap) },
  processCount: (s) => ({ figure: units.count(s.processCount) }),
  interval: (s) => ({ figure: String(s.interval ?? units.MISSING) }),
};

/** @param {number | undefined} part @param {number | undefined} whole */
function share(part, whole) {
  return typeof part === "number" && typeof whole === "number" && whole > 0 ? part / whole : null;
}

export class Tiles {
  #root;

  /** @param {ParentNode} root */
  constructor(root) {
    this.#root = root;
  }

  /** @param {Sample} sample */
  show(sample) {
    for (const [key, tile] of Object.entries(TILES)) {
      const { figure, note, share } = tile(sample);
      this.#write(`[data-figure="${key}"]`, figure);
      this.#write(`[data-note="${key}"]`, note ?? "");
      const bar = this.#root.querySelector(`[data-bar="${key}"]`);
      if (!(bar instanceof HTMLElement)) continue;
      bar.hidden = share === undefined;
      fillBar(bar, share ?? 0);
    }
  }

  /** @param {string} selector @param {string} text */
  #write(selector, text) {
    write(this.#root.querySelector(selector), text);
  }
}

/**
 * A bar repeats a figure beside it, so it has no role of its own.
 * @param {HTMLElement} bar
 * @param {number} share 0 to 1
 */
export function fillBar(bar, share) {
  const fill = bar.firstElementChild;
  if (fill instanceof HTMLElement) fill.style.width = `${Math.min(100, Math.max(0, share * 100))}%`;
  bar.dataset.level = share >= FULL ? "full" : share >= HIGH ? "high" : "normal";
}
