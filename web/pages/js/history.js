// The samples of the last hour, in order, bounded, with holes marked. Stores data; draws and fetches nothing.

import { parsed } from "./json.js";

/**
 * One `metrics` event, as the server sends it. Memory and disk sizes in MiB. Older or other servers may omit fields.
 * @typedef {object} Metrics
 * @property {string} time RFC 3339
 * @property {number} [cpuLoad]
 * @property {number[]} [loadAverage] 1, 5 and 15 minutes
 * @property {number} [cpuUsage] per cent of all cores
 * @property {number[]} [cpus] per cent of each core
 * @property {number} [cpuCount]
 * @property {number} [totalMemory]
 * @property {number} [freeMemory]
 * @property {number} [availableMemory]
 * @property {number} [usedMemory]
 * @property {number} [totalSwap]
 * @property {number} [usedSwap]
 * @property {number} [uptime] seconds
 * @property {Disk[]} [disks]
 * @property {Network[]} [networks]
 * @property {string | null} [hostName]
 * @property {string | null} [os]
 * @property {number} [processCount]
 * @property {number} [interval] seconds between two samples
 */
/** @typedef {{name: string, mountPoint: string, fileSystem: string, total: number, available: number}} Disk */
/** @typedef {{name: string, receivedPerSecond: number, transmittedPerSecond: number, receivedTotal: number, transmittedTotal: number}} Network */
/** @typedef {Metrics & {at: number}} Sample `at`: seconds since 1970 */
/** @typedef {(sample: Sample) => number | null | undefined} Pick */

/** Retention in seconds: the longest window of the charts. */
const MAX_AGE_SECONDS = 3600;
/** Limit of samples; above it the oldest are dropped. With a sampler faster than 1 Hz this is less than an hour. */
const MAX_SAMPLES = 3600;
/** Samples further apart than this many intervals have a hole between them: the server was down or the page cut off. */
const HOLE_INTERVALS = 3;
const DEFAULT_INTERVAL_SECONDS = 2;

/** @param {string} json @returns {Sample | null} null when it is not a usable sample */
export function parseSample(json) {
  /** @type {Metrics | null} */
  const metrics = parsed(json);
  const at = Date.parse(metrics?.time ?? "") / 1000;
  return metrics && Number.isFinite(at) ? { ...metrics, at } : null;
}

export class History {
  /** @type {Sample[]} */
  #samples = [];

  /** @returns {Sample | undefined} the newest */
  get latest() {
    return this.#samples.at(-1);
  }

  get size() {
    return this.#samples.length;
  }

  /**
   * Appends one sample, unless it is a repeat after a reconnection. When the server's clock was set far back, all
   * earlier samples are dropped, because they no longer fit the time axis.
   * @param {Sample} sample
   * @returns {boolean} whether it was taken
   */
  add(sample) {
    const latest = this.latest;
    if (latest && sample.at <= latest.at) {
      const known = this.#samples.some((held) => held.at === sample.at);
      if (known || latest.at - sample.at < holeAfter(sample)) return false;
      this.#samples = [];
    }
    this.#samples.push(sample);
    const oldest = sample.at - MAX_AGE_SECONDS;
    const keep = this.#samples.findIndex((held) => held.at >= oldest);
    this.#samples.splice(0, Math.max(keep, this.#samples.length - MAX_SAMPLES));
    return true;
  }

  /** A snapshot, untouched by later samples. */
  copy() {
    const copy = new History();
    copy.#samples = [...this.#samples];
    return copy;
  }

  /**
   * The newest samples, oldest first.
   * @param {number} seconds
   */
  last(seconds) {
    const since = (this.latest?.at ?? 0) - seconds;
    return this.#samples.filter((sample) => sample.at >= since);
  }

  /**
   * Columns for a chart: times, then one column a line; a hole is a row of nulls, where lines break.
   * @param {number} seconds
   * @param {Pick[]} picks
   * @returns {[number[], ...(number | null)[][]]}
   */
  columns(seconds, picks) {
    /** @type {number[]} */
    const times = [];
    const lines = picks.map(() => /** @type {(number | null)[]} */ ([]));
    for (const sample of this.last(seconds)) {
      const before = times.at(-1);
      if (before !== undefined && sample.at - before > holeAfter(sample)) {
        times.push((before + sample.at) / 2);
        for (const line of lines) line.push(null);
      }
      times.push(sample.at);
      picks.forEach((pick, i) => lines[i]?.push(pick(sample) ?? null));
    }
    return [times, ...lines];
  }
}

/** @param {Sample} sample */
function holeAfter(sample) {
  return HOLE_INTERVALS * (sample.interval || DEFAULT_INTERVAL_SECONDS);
}
