// What each chart of the dashboard shows: lines, scale, units. Draws nothing.

import * as units from "./units.js";

/** @typedef {import("./history.js").Sample} Sample */
/**
 * @typedef {object} Line
 * @property {string} label
 * @property {import("./history.js").Pick} pick
 * @property {number} colour number of a `series-N` class, 0 = `hue`
 * @property {number} [hue] degrees, for more lines than there are classes
 * @property {number} [width] CSS pixels, default 1.75
 * @property {boolean} [filled]
 * @property {boolean} [hiddenInLegend]
 */
/**
 * @typedef {object} ChartSpec
 * @property {string} id
 * @property {Line[]} lines
 * @property {(value: number | null | undefined) => string} format
 * @property {(value: number | null | undefined) => string} [axisFormat] of the steps of the scale, default `format`
 * @property {(highest: number, latest: Sample | undefined) => number} top highest value of the scale
 * @property {boolean} [binary] steps of the scale are powers of two
 */

/** Above this number, cores are thin lines of many hues; only the mean and the busiest are named. */
const NAMED_CORES = 4;

/** @param {Sample} sample @param {"receivedPerSecond" | "transmittedPerSecond"} field */
export function networkRate(sample, field) {
  // Loopback is not network traffic.
  const outside = sample.networks?.filter((network) => !/^lo\d*$/.test(network.name));
  return outside?.reduce((sum, network) => sum + network[field], 0);
}

/** @param {number} cores @returns {ChartSpec} */
export function cpuSpec(cores) {
  const named = cores <= NAMED_CORES;
  const each = Array.from({ length: cores }, (_, core) => ({
    label: `Core ${core + 1}`,
    pick: (/** @type {Sample} */ sample) => sample.cpus?.[core],
    colour: named ? core + 2 : 0,
    hue: Math.round((core * 360) / cores),
    width: named ? 1.5 : 1,
    hiddenInLegend: !named,
  }));
  const busiest = { label: "Busiest core", pick: (/** @type {Sample} */ s) => (s.cpus?.length ? Math.max(...s.cpus) : null), colour: 7, width: 0 };
  return {
    id: "cpu",
    lines: [...each, ...(named ? [] : [busiest]), { label: "All cores", pick: (s) => s.cpuUsage, colour: 1, width: 2.5, filled: true }],
    format: units.percent,
    top: () => 100,
  };
}

/** @type {ChartSpec} */
export const memorySpec = {
  id: "memory",
  lines: [
    { label: "Used", pick: (s) => s.usedMemory, colour: 1, width: 2, filled: true },
    { label: "Available", pick: (s) => s.availableMemory, colour: 3 },
    { label: "Swap used", pick: (s) => s.usedSwap, colour: 2 },
  ],
  format: units.gibibytes,
  axisFormat: units.wholeGibibytes,
  top: (highest, latest) => latest?.totalMemory ?? highest,
  binary: true,
};

/** @type {ChartSpec} */
export const networkSpec = {
  id: "network",
  lines: [
    { label: "In", pick: (s) => networkRate(s, "receivedPerSecond"), colour: 1, width: 2, filled: true },
    { label: "Out", pick: (s) => networkRate(s, "transmittedPerSecond"), colour: 2 },
  ],
  format: units.rate,
  top: (highest) => Math.max(1000, highest * 1.1),
};

/** @type {ChartSpec} */
export const loadSpec = {
  id: "load",
  lines: [
    { label: "1 min", pick: (s) => s.loadAverage?.[0] ?? s.cpuLoad, colour: 1, width: 2, filled: true },
    { label: "5 min", pick: (s) => s.loadAverage?.[1], colour: 2 },
    { label: "15 min", pick: (s) => s.loadAverage?.[2], colour: 3 },
  ],
  format: units.load,
  top: (highest) => Math.max(1, highest * 1.1),
};
