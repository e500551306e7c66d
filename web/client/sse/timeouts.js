// The delays and time limits of a connection, and those that several clients share. Knows nothing of what is timed.

/**
 * Times in ms.
 * @typedef {object} Timeouts
 * @property {number} minDelayMs before the first reconnection attempt
 * @property {number} maxDelayMs longest delay before a reconnection attempt
 * @property {number} maxRetryMs longest delay that the server's `retry:` can cause, beyond `maxDelayMs` if it is longer
 * @property {number} silenceMs longest silence on a stream, 0 = unlimited
 * @property {number} firstByteMs longest wait for the first byte of a stream, 0 = unlimited
 * @property {number} probeMs while long-polling: how often a stream is tried
 */

/**
 * The smaller of each pair.
 * @param {Timeouts} one
 * @param {Timeouts} other
 * @returns {Timeouts}
 */
export function minTimeouts(one, other) {
  const smaller = (/** @type {keyof Timeouts} */ name) => {
    const limits = [one[name], other[name]].filter((ms) => ms > 0);
    return limits.length > 0 ? Math.min(...limits) : 0;
  };
  return {
    minDelayMs: smaller("minDelayMs"),
    maxDelayMs: smaller("maxDelayMs"),
    maxRetryMs: smaller("maxRetryMs"),
    silenceMs: smaller("silenceMs"),
    firstByteMs: smaller("firstByteMs"),
    probeMs: smaller("probeMs"),
  };
}
