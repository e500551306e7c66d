// One event on its way from the wire to a handler, and how the hub's own events are told from published ones.

/**
 * Plain data, so that it can be posted from a worker to a tab.
 * @typedef {object} SseRecord
 * @property {string} type
 * @property {string} data
 * @property {string} lastEventId
 * @property {string | null} topic null: the server does not say
 * @property {string | null} time when it was published, RFC 3339; null: the server does not say
 * @property {string | null} hub `greeting`, `gap` or `end` for the hub's own events, null for published ones
 */

/** @param {SseRecord} record */
export const isGreeting = ({ hub }) => hub === "greeting";

/** The last record of a topic that was closed. @param {SseRecord} record */
export const isEnd = ({ hub }) => hub === "end";

/** A hub older than the `hub` field marks a gap by its type, and by having no topic. @param {SseRecord} record */
export const isGap = ({ hub, type, topic }) => hub === "gap" || (hub === null && type === "gap" && topic === null);

/** A gap that says that ids from before it are of another log. @param {SseRecord} record */
export function isAnotherLog(record) {
  if (!isGap(record)) return false;
  try {
    return JSON.parse(record.data).reason === "unknown-id";
  } catch {
    return false;
  }
}

/**
 * A gap as the hub itself would report it.
 * @param {object} report
 * @param {string} lastEventId
 * @returns {SseRecord}
 */
export function gapRecord(report, lastEventId) {
  return { type: "gap", data: JSON.stringify(report), lastEventId, topic: null, time: null, hub: "gap" };
}
