// The calls of the chat's HTTP API. See docs/http-api.md.

import { call } from "../call.js";
import { parsed } from "../json.js";

/** Events per page of history, and the most pages searched for one message: a room retains 16 MiB, a page has 256 KiB. */
const PAGE_EVENTS = 1000;
const MAX_PAGES = 80;

/**
 * @param {import("./store.js").Unsent} message
 * @param {AbortSignal} signal
 */
export function say({ room, username, text, key }, signal) {
  return call("/chat/messages", { room, username, text, key }, {}, signal);
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
 * Is a message in the room's history? Needed once the server may have forgotten its idempotency key.
 * @param {import("./store.js").Unsent} message
 * @param {AbortSignal} signal
 * @returns {Promise<boolean | null>} null when the history does not reach back far enough
 */
export async function wasSaid({ room, key, after }, signal) {
  let next = after || "earliest";
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const query = new URLSearchParams({ after: next, limit: String(PAGE_EVENTS) });
    const found = await call(`/topics/chat/${room}?${query}`, undefined, {}, signal);
    if (found.gap) return null;
    for (const event of found.events) {
      if (event.event === "newMessage" && parsed(event.data)?.id === key) return true;
    }
    if (found.events.length === 0) return false;
    next = found.next;
  }
  return null;
}
