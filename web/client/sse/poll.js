// One page of kept events from a hub's `GET /poll`: to catch up, and in place of a stream. Never asks twice.

import { refusal } from "./refusal.js";

/**
 * An event on its way to a handler.
 * @typedef {object} SseRecord
 * @property {string} type
 * @property {string} data
 * @property {string} lastEventId
 * @property {string | null} topic
 */

/**
 * Where to start, one of them; none is now.
 * @typedef {object} Start
 * @property {string} [lastEventId] after this id, or `earliest`
 * @property {number} [last] with the newest so many that are kept
 * @property {string} [since] with the first since this time, RFC 3339
 */

/**
 * @typedef {object} PageRequest
 * @property {URL} url of the hub's `/poll`
 * @property {string[]} topics selectors; none means all
 * @property {Start} start
 * @property {number} waitSeconds how long the server waits for an event when it has none
 * @property {RequestCredentials} credentials
 * @property {AbortSignal} signal ends it
 */

/** @typedef {{records: SseRecord[], next: string, complete: boolean}} Page `complete`: next to nothing more is there now */

/** Most events in a page; the server's own limit. */
const LIMIT = 1000;
/** A page with fewer characters and events than this was not cut by a limit of the server's. */
const CUT_EVENTS = LIMIT / 2;
const CUT_CHARACTERS = 1 << 20;
/** What an answer may take beside the time the server waits. */
const GRACE_MS = 10_000;

/**
 * Adds to an address which topics, and from where.
 * @param {URL} url
 * @param {string[]} topics
 * @param {Start} start
 * @param {string} idName the parameter that takes an id
 */
export function setQuery(url, topics, { lastEventId, last, since }, idName) {
  for (const topic of topics) url.searchParams.append("topic", topic);
  if (lastEventId) url.searchParams.set(idName, lastEventId);
  else if (last) url.searchParams.set("last", String(last));
  else if (since) url.searchParams.set("since", since);
}

/**
 * Rejects with a `Refusal`, an error of the network, or the signal's reason.
 * @param {PageRequest} request
 * @returns {Promise<Page>}
 */
export async function readPage({ url, topics, start, waitSeconds, credentials, signal }) {
  const address = new URL(url);
  setQuery(address, topics, start, "after");
  address.searchParams.set("timeout", String(waitSeconds));
  address.searchParams.set("limit", String(LIMIT));
  const limit = AbortSignal.timeout(waitSeconds * 1000 + GRACE_MS);
  const response = await fetch(address, { cache: "no-store", credentials, signal: AbortSignal.any([signal, limit]) });
  if (response.status !== 200) throw await refusal(response);
  const { events, next, gap } = await response.json();
  /** @type {SseRecord[]} */
  const records = events.map(record);
  const characters = records.reduce((sum, { data }) => sum + data.length, 0);
  const complete = records.length < CUT_EVENTS && characters < CUT_CHARACTERS;
  if (gap) records.unshift({ type: "gap", data: JSON.stringify(gap), lastEventId: gap.requested, topic: null });
  return { records, next, complete };
}

/**
 * @param {{id: string, topic: string, event: string, data: string}} event
 * @returns {SseRecord}
 */
function record({ id, topic, event, data }) {
  return { type: event, data, lastEventId: id, topic };
}
