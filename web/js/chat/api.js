// The calls of the chat's HTTP API, and what their refusals mean. See docs/http-api.md.

/** Longest that a call may take. */
const TIMEOUT_MS = 20_000;
/** Events in a page of history, and most pages that are looked through for one message. */
const PAGE_EVENTS = 1000;
const MAX_PAGES = 20;

/** A call that did not do what it should. */
export class Refusal extends Error {
  /** HTTP status; 0 when there was no answer. */
  status;
  /** When to try again; null: when the connection is back. @type {number | null} */
  waitMs;
  /** The field at fault, if one is. @type {string | null} */
  field;

  /** @param {number} status @param {string} detail @param {number | null} [waitMs] @param {string | null} [field] */
  constructor(status, detail, waitMs = null, field = null) {
    super(detail);
    this.status = status;
    this.waitMs = waitMs;
    this.field = field;
  }

  /** The same call would be refused again. */
  get isFinal() {
    return this.status >= 400 && this.status < 500 && ![408, 425, 429].includes(this.status);
  }
}

/** An id that nobody else has. `crypto.randomUUID` is for secure origins alone. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {import("./store.js").Unsent} message */
export function say({ room, username, text, key }) {
  return call("/chat/messages", { room, username, text, key });
}

/**
 * @param {{room: string, username: string, client: string, leaseSeconds: number}} lease
 * @returns {Promise<{username: string, users: number}>}
 */
export function renew(lease) {
  return call("/chat/presence", lease);
}

/** Also while the page is being closed. @param {{room: string, username: string, client: string}} lease */
export function leave(lease) {
  const body = JSON.stringify({ ...lease, leaving: true });
  navigator.sendBeacon("/chat/presence", new Blob([body], { type: "application/json" }));
}

/** @param {string} room @returns {Promise<string[]>} */
export async function users(room) {
  const { users } = await call(`/chat/users?room=${encodeURIComponent(room)}`);
  return users;
}

/**
 * Is a message in the room's history? For one that was sent so long ago that the server has forgotten its key.
 * @param {import("./store.js").Unsent} message
 * @returns {Promise<boolean | null>} null: nobody can tell any more
 */
export async function wasSaid({ room, key, after }) {
  let next = after || "earliest";
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = new URLSearchParams({ after: next, limit: String(PAGE_EVENTS) });
    const found = await call(`/topics/chat/${room}?${query}`);
    if (found.gap) return null;
    for (const event of found.events) {
      if (event.event === "newMessage" && parsed(event.data)?.id === key) return true;
    }
    if (found.events.length === 0) return false;
    next = found.next;
  }
  return null;
}

/** @param {string} text @returns {any} */
export function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** @param {string} url @param {object} [body] */
async function call(url, body) {
  /** @type {Response} */
  let response;
  let text = "";
  try {
    response = await fetch(url, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...(body && { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
    });
    text = await response.text();
  } catch {
    throw new Refusal(0, "the server cannot be reached");
  }
  const json = parsed(text);
  if (response.ok) return json;
  const seconds = Number(response.headers.get("Retry-After"));
  const waitMs = seconds > 0 ? seconds * 1000 : null;
  throw new Refusal(response.status, json?.detail ?? `the server answered ${response.status}`, waitMs, json?.field ?? null);
}
