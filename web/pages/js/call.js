// One call of this server's HTTP API. Returns JSON; throws a `Refusal` with the server's problem details.

import { parsed } from "./json.js";

/** Time limit of a call. */
const TIMEOUT_MS = 20_000;

/** A failed call. */
export class Refusal extends Error {
  /** HTTP status; 0 without an answer. */
  status;
  /** The server's Retry-After; null when it sent none. @type {number | null} */
  waitMs;
  /** The invalid field, if one is. @type {string | null} */
  field;

  /** @param {number} status @param {string} detail @param {number | null} [waitMs] @param {string | null} [field] */
  constructor(status, detail, waitMs = null, field = null) {
    super(detail);
    this.status = status;
    this.waitMs = waitMs;
    this.field = field;
  }

  /** A retry would be refused as well. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status);
  }
}

/**
 * POST with a body (an object as JSON, a string as text), else GET.
 * @param {string} url
 * @param {object | string} [body]
 * @param {Record<string, string>} [headers]
 * @param {AbortSignal} [signal] aborts the call
 * @returns {Promise<any>}
 */
export async function call(url, body, headers = {}, signal) {
  const signals = [AbortSignal.timeout(TIMEOUT_MS), ...(signal ? [signal] : [])];
  /** @type {Response} */
  let response;
  let text = "";
  try {
    response = await fetch(url, { signal: AbortSignal.any(signals), ...(body !== undefined && post(body, headers)) });
    text = await response.text();
  } catch {
    throw new Refusal(0, "the server cannot be reached");
  }
  const json = parsed(text);
  if (response.ok) return json;
  const detail = typeof json?.detail === "string" ? json.detail : `the server answered ${response.status}`;
  const field = typeof json?.field === "string" ? json.field : null;
  const seconds = Number(response.headers.get("Retry-After"));
  throw new Refusal(response.status, detail, seconds > 0 ? seconds * 1000 : null, field);
}

/** @param {object | string} body @param {Record<string, string>} headers */
function post(body, headers) {
  const isText = typeof body === "string";
  const type = isText ? "text/plain" : "application/json";
  return { method: "POST", headers: { "Content-Type": type, ...headers }, body: isText ? body : JSON.stringify(body) };
}
