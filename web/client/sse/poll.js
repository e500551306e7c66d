// One page of events from a hub's `GET /poll`, for catching up and in place of a stream. Never retries.

import { checkReader, readerOf } from "./reader.js";
import { gapRecord } from "./record.js";
import { refusal } from "./refusal.js";

/** @typedef {import("./record.js").SseRecord} SseRecord */

/**
 * Where to start: one of them, or none for now.
 * @typedef {object} Start
 * @property {string} [lastEventId] after this id, or `earliest`
 * @property {number} [last] with the newest N stored events
 * @property {string} [since] with the first since this time, RFC 3339
 */

/**
 * @typedef {object} PageRequest
 * @property {URL} url of the hub's `/poll`
 * @property {string[]} topics selectors; none means all
 * @property {Start} start
 * @property {number} waitSeconds how long the server waits for an event
 * @property {RequestCredentials} credentials
 * @property {Record<string, string>} [headers]
 * @property {string | null} [reader] whom it is for
 * @property {AbortSignal} signal aborts it
 */

/**
 * @typedef {object} Page
 * @property {SseRecord[]} records
 * @property {string} next
 * @property {boolean} complete there was little or nothing after it
 * @property {boolean} ended nothing comes after it: every topic is closed
 * @property {string | null} reader whom it is for
 */

/** The server's limit of events per page. */
const LIMIT = 1000;
/** A page below both figures was not truncated by the server's limits. */
const CUT_EVENTS = LIMIT / 2;
const CUT_CHARACTERS = 1 << 20;
/** Time for the answer itself, beyond what the server waits. */
const GRACE_MS = 10_000;

/**
 * Adds topics and starting point to an address.
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
 * Rejects with a `Refusal`, with `Ended` when it is for another reader, an error of the network, or the signal's reason.
 * @param {PageRequest} request
 * @returns {Promise<Page>}
 */
export async function readPage({ url, topics, start, waitSeconds, credentials, headers, reader, signal }) {
  const address = new URL(url);
  setQuery(address, topics, start, "after");
  address.searchParams.set("timeout", String(waitSeconds));
  address.searchParams.set("limit", String(LIMIT));
  const limit = AbortSignal.timeout(waitSeconds * 1000 + GRACE_MS);
  const response = await fetch(address, { cache: "no-store", credentials, headers, signal: AbortSignal.any([signal, limit]) });
  if (response.status !== 200) throw await refusal(response);
  checkReader(response, reader);
  const { events, next, gap, ended = false } = await response.json();
  /** @type {SseRecord[]} */
  const records = events.map(record);
  const characters = records.reduce((sum, { data }) => sum + data.length, 0);
  const complete = records.length < CUT_EVENTS && characters < CUT_CHARACTERS;
  if (gap) records.unshift(gapRecord(gap, gap.requested));
  return { records, next, complete, ended, reader: readerOf(response) };
}

/**
 * @param {{id: string, topic: string, event: string, data: string, time?: string, hub?: string}} event
 * @returns {SseRecord}
 */
function record({ id, topic, event, data, time, hub }) {
  return { type: event, data, lastEventId: id, topic, time: time ?? null, hub: hub ?? null };
}
