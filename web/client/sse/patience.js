// How long to wait, and the waiting between two attempts. Knows nothing of what is attempted.

/**
 * Times in ms.
 * @typedef {object} Patience
 * @property {number} minDelayMs before the first new attempt
 * @property {number} maxDelayMs longest wait before a new attempt
 * @property {number} silenceMs longest silence of a stream, 0 = for ever
 * @property {number} firstByteMs longest wait for the first byte of a stream, 0 = for ever
 * @property {number} probeMs while events come by long-poll: how often a stream is tried
 */

/**
 * The patience of the least patient, each time by itself.
 * @param {Patience} one
 * @param {Patience} other
 * @returns {Patience}
 */
export function leastPatience(one, other) {
  const least = (/** @type {number} */ a, /** @type {number} */ b) => Math.min(a || Infinity, b || Infinity);
  const lengths = (/** @type {keyof Patience} */ name) => least(one[name], other[name]);
  const orNever = (/** @type {number} */ ms) => (ms === Infinity ? 0 : ms);
  return {
    minDelayMs: orNever(lengths("minDelayMs")),
    maxDelayMs: orNever(lengths("maxDelayMs")),
    silenceMs: orNever(lengths("silenceMs")),
    firstByteMs: orNever(lengths("firstByteMs")),
    probeMs: orNever(lengths("probeMs")),
  };
}

/** The wait before the next attempt: twice as long after each failure. */
export class Pause {
  #failures = 0;
  /** @type {number | null} */
  #endsAt = null;
  #end = () => {};

  /** Milliseconds until the next attempt; null when none is waiting. */
  get leftMs() {
    return this.#endsAt === null ? null : Math.max(0, this.#endsAt - performance.now());
  }

  /** Something failed since the last success. */
  get failed() {
    return this.#failures > 0;
  }

  /** An attempt was a success: the next wait is a short one. */
  succeeded() {
    this.#failures = 0;
  }

  /**
   * Half of the wait is random, so that the readers of one server do not all come back in one moment.
   * @param {Patience} patience
   * @param {number} leastMs what the server wants, at most `maxDelayMs` of it is granted
   * @returns {Promise<void>}
   */
  wait({ minDelayMs, maxDelayMs }, leastMs) {
    this.#end();
    const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** this.#failures);
    const delay = Math.max(Math.min(leastMs, maxDelayMs), ceiling / 2 + Math.random() * (ceiling / 2));
    this.#failures += 1;
    this.#endsAt = performance.now() + delay;
    return new Promise((done) => {
      const timer = setTimeout(() => this.#end(), delay);
      this.#end = () => {
        clearTimeout(timer);
        this.#end = () => {};
        this.#endsAt = null;
        done();
      };
    });
  }

  /** Ends the wait. Does nothing when there is none. */
  end() {
    this.#end();
  }
}
