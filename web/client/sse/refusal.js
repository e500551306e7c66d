// An answer that is not what was asked for: whether to ask again, when, and what the server says about it.

/** Most characters of a problem that are kept: it is shown to a person. */
const MAX_TEXT = 500;

/** Statuses of the 4xx family that say "not now" and not "never". */
const NOT_NOW = [408, 425, 429];

/** The server answered, and not with what was asked for. */
export class Refusal extends Error {
  /** Asking the same again is of no use. */
  final;
  /** What the server wants us to wait, in ms; null when it does not say. @type {number | null} */
  retryAfterMs;

  /**
   * @param {string} message
   * @param {boolean} final
   * @param {number | null} [retryAfterMs]
   */
  constructor(message, final, retryAfterMs = null) {
    super(message);
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
  const final = (status >= 400 && status < 500 && !NOT_NOW.includes(status)) || status === 204;
  const detail = status === 204 ? "the server asks not to come back" : await problemText(response);
  return new Refusal(`${status} ${response.statusText}${detail ? `: ${detail}` : ""}`.slice(0, MAX_TEXT), final, retryAfter(response));
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

/** Seconds only; a date, which hardly anybody sends, is as if it were not there. @param {Response} response */
function retryAfter(response) {
  const seconds = response.headers.get("retry-after");
  return seconds !== null && /^[0-9]{1,6}$/.test(seconds) ? Number(seconds) * 1000 : null;
}
