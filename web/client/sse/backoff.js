// Exponential backoff with jitter between reconnection attempts. Knows nothing of what is attempted.

/** A timer of a browser that is set for longer fires at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Doubles the delay after each failure. */
export class Backoff {
  #failures = 0;
  /** @type {number | null} */
  #endsAt = null;
  #end = () => {};

  /** Milliseconds until the next attempt; null when none is scheduled. */
  get leftMs() {
    return this.#endsAt === null ? null : Math.max(0, this.#endsAt - performance.now());
  }

  /** The next delay is the shortest again. */
  reset() {
    this.#failures = 0;
  }

  /**
   * Half of the delay is random, so that the clients of a server do not all reconnect at the same moment.
   * @param {{minDelayMs: number, maxDelayMs: number}} limits of the delay before jitter
   * @param {number} retryAfterMs what the server asks for, capped at `maxDelayMs`
   * @returns {Promise<void>}
   */
  wait({ minDelayMs, maxDelayMs }, retryAfterMs) {
    this.#end();
    const ceiling = Math.min(maxDelayMs, minDelayMs * 2 ** this.#failures);
    const jittered = ceiling / 2 + Math.random() * (ceiling / 2);
    const delay = Math.min(MAX_TIMER_MS, Math.max(Math.min(retryAfterMs, maxDelayMs), jittered));
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

  /** Ends the delay now. Does nothing when none is running. */
  end() {
    this.#end();
  }
}
