// The stored preferences, and whether they hide a notification. Pure except for the store.

import { quietSince } from "./quiet-hours.js";
import { SEVERITIES } from "./notification.js";
import { Stored } from "../stored.js";

/** @typedef {import("./notification.js").Notification} Notification */
/** @typedef {import("./notification.js").Severity} Severity */
/** @typedef {import("./quiet-hours.js").QuietHours} QuietHours */

/**
 * @typedef {object} Preferences
 * @property {string[]} muted categories that are not shown
 * @property {Severity} least
 * @property {QuietHours} quiet
 * @property {string[]} words
 * @property {boolean} desktop show browser notifications, once allowed
 */

/** @typedef {"category" | "severity" | "word" | "quiet"} Reason */

/** Limit of muted categories and of muted words. */
const MOST = 100;
/** Longest muted word, in characters. */
const MAX_WORD = 100;

const TIME = /^([01]\d|2[0-3]):[0-5]\d$/;

export const preferences = new Stored("notifications.preferences", parse);

/** @param {any} value @returns {Preferences} */
function parse(value) {
  const quiet = value?.quiet ?? {};
  return {
    muted: strings(value?.muted),
    least: SEVERITIES.includes(value?.least) ? value.least : "info",
    quiet: {
      on: quiet.on === true,
      from: TIME.test(quiet.from) ? quiet.from : "22:00",
      to: TIME.test(quiet.to) ? quiet.to : "07:00",
    },
    words: strings(value?.words),
    desktop: value?.desktop === true,
  };
}

/** @param {any} value @returns {string[]} */
function strings(value) {
  return Array.isArray(value) ? value.filter((item) => typeof item === "string").slice(0, MOST) : [];
}

/** Splits input at commas and line ends. @param {string} text */
export function wordsFrom(text) {
  const words = text.split(/[,\n]/).map((word) => word.trim().slice(0, MAX_WORD));
  return [...new Set(words.filter((word) => word !== ""))].slice(0, MOST);
}

/**
 * Why a notification is hidden; null when it is shown.
 * @param {Notification} notification
 * @param {Preferences} wanted
 * @param {Date} now
 * @returns {{reason: Reason, words: string} | null}
 */
export function hiddenBecause(notification, wanted, now) {
  const { category, severity, title, text, time } = notification;
  if (wanted.muted.includes(category)) return { reason: "category", words: `category ${category} is off` };
  if (SEVERITIES.indexOf(severity) < SEVERITIES.indexOf(wanted.least)) return { reason: "severity", words: `below ${wanted.least}` };
  const word = wanted.words[patterns(wanted.words).findIndex((pattern) => pattern.test(`${title}\n${text}`))];
  if (word !== undefined) return { reason: "word", words: `muted word “${word}”` };
  const since = quietSince(wanted.quiet, now);
  // Earlier ones disturb nobody, and critical ones may.
  if (since && time >= since && severity !== "critical") return { reason: "quiet", words: `quiet hours until ${wanted.quiet.to}` };
  return null;
}

/** Of each list of words, which stays the same from one change of the preferences to the next. @type {WeakMap<string[], RegExp[]>} */
const compiled = new WeakMap();

/** Whole words, ignoring case: `test` does not match `latest`. @param {string[]} words */
function patterns(words) {
  let found = compiled.get(words);
  if (!found) {
    found = words.map((word) => new RegExp(`(?<![\\p{L}\\p{N}])${word.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&")}(?![\\p{L}\\p{N}])`, "iu"));
    compiled.set(words, found);
  }
  return found;
}
