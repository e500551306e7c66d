// One client's subscription: over the connection that all tabs share, or over one of its own.

import { Connection } from "./connection.js";
import { sharedTab } from "./hosts.js";

/** @typedef {import("./connection.js").Status} Status */
/** @typedef {import("./record.js").SseRecord} SseRecord */
/** @typedef {import("./subscriber.js").SubscriberListener} SubscriberListener */
/** @typedef {import("./tab.js").Attachment} Attachment */

/** A hub sends a heartbeat every 15 s. Other servers may be silent for any time. */
const HUB_SILENCE_MS = 60_000;

/**
 * @typedef {object} LinkRequest
 * @property {URL} hub its base address
 * @property {URL} url
 * @property {RequestCredentials} credentials
 * @property {import("./connection.js").Token | null} token
 * @property {string[]} topics
 * @property {import("./poll.js").Start} start
 * @property {Omit<import("./timeouts.js").Timeouts, "silenceMs"> & {silenceMs?: number}} timeouts
 * @property {boolean} shared use the shared connection where possible
 */

/**
 * @param {LinkRequest} request
 * @param {SubscriberListener} listener
 * @returns {Attachment}
 */
export function openLink(request, listener) {
  const { hub, url, credentials, token, topics, start } = request;
  const isHub = url.href === new URL("events", hub).href;
  const poll = new URL("poll", hub);
  const { silenceMs = isHub ? HUB_SILENCE_MS : 0 } = request.timeouts;
  const timeouts = { ...request.timeouts, silenceMs };
  if (isHub && request.shared && globalThis.location) {
    return sharedTab().attach({ url: url.href, pollUrl: poll.href, credentials, topics, start, timeouts }, listener);
  }
  const connection = new Connection({ url, pollUrl: isHub ? poll : null, credentials, token }, timeouts, {
    received: (records, position) => listener.received(records, position),
    changed: () => listener.changed(connection.status),
  });
  connection.topics = topics;
  connection.start = start;
  connection.open();
  return {
    setTopics(changed) {
      connection.topics = changed;
      connection.open();
    },
    retryNow: () => connection.retryNow(),
    detach: () => connection.close(),
  };
}
