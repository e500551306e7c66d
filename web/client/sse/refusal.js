// A refused request: whether and when to retry, and the server's reason from its problem details.

/** A problem is shown to people, up to this many characters. */
const MAX_TEXT = 500;

/** Statuses from 400 to 499 that are worth a retry. */
const RETRYABLE = [408, 425, 429];

/** The server answered, but not with what was requested. */
export class Refusal extends Error {
  /** Null when the answer was not what was requested, whatever its status. @type {number | null} */
  status;
  /** A retry would be refused as well. */
  final;
  /** How long the server asks us to wait, in ms; null when it does not say. @type {number | null} */
  retryAfterMs;

  /**
   * @param {string} message
   * @param {boolean} final
   * @param {number | null} [retryAfterMs]
   * @param {number | null} [status]
   */
  constructor(message, final, retryAfterMs = null, status = null) {
    super(message);
    this.status = status;
    this.final = final;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Reads why a request was refused.
 * @param {Response} response
 * @returns {Promise<Refusal>}
 */
export async function refusal(response) {
  const { status } = response;
  const final = status >= 400 && status < 500 && !RETRYABLE.includes(status);
  const detail = await problemText(response);
  const message = `${status} ${response.statusText}${detail ? `: ${detail}` : ""}`.slice(0, MAX_TEXT);
  return new Refusal(message, final, retryAfter(response), status);
}

/** @param {Response} response */
async function problemText(response) {
  if (!response.headers.get("content-type")?.startsWith("application/problem+json")) {
    void response.body?.cancel().catch(() => {});
    return "";
  }
  try {
    const { detail } = await response.json();
    return typeof detail === "string" ? detail : "";
  } catch {
    return "";
  }
}

/** Seconds only; a date, which is rare, is ignored. @param {Response} response */
function retryAfter(response) {
  const seconds = response.headers.get("retry-after");
  return seconds !== null && /^[0-9]{1,6}$/.test(seconds) ? Number(seconds) * 1000 : null;
}
