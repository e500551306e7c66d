// One notification from the stream, validated because anybody can publish to the topic. Shows nothing.

import { parsed } from "../json.js";

/** Least first. @type {readonly ["info", "success", "warning", "critical"]} */
export const SEVERITIES = ["info", "success", "warning", "critical"];

/** @typedef {typeof SEVERITIES[number]} Severity */

/**
 * @typedef {object} Notification
 * @property {string} id
 * @property {string} category
 * @property {Severity} severity
 * @property {string} title
 * @property {string} text
 * @property {Date} time
 * @property {"server" | "api"} source
 */

/** What was published past the limits of `POST /notifications` is truncated to this many characters. */
const MAX_CATEGORY = 32;
const MAX_TITLE = 200;
const MAX_TEXT = 4_000;

/** @param {unknown} value @returns {value is Severity} */
const isSeverity = (value) => SEVERITIES.some((severity) => severity === value);

/**
 * @param {string} id
 * @param {string} json
 * @returns {Notification | null} null when it is no notification
 */
export function parseNotification(id, json) {
  const { category, severity, title, text = "", time, source } = parsed(json) ?? {};
  const when = new Date(time);
  const texts = [category, title, text].every((value) => typeof value === "string");
  if (!id || !texts || !category || !isSeverity(severity) || Number.isNaN(when.getTime())) return null;
  return {
    id,
    category: category.slice(0, MAX_CATEGORY),
    severity,
    title: title.slice(0, MAX_TITLE),
    text: text.slice(0, MAX_TEXT),
    time: when,
    source: source === "server" ? "server" : "api",
  };
}

/**
 * Is an id after another of the same hub?
 * @param {string} id
 * @param {string} mark
 */
export function isAfter(id, mark) {
  const [, seq] = id.split("-");
  const [, markSeq] = mark.split("-");
  return Number(seq) > Number(markSeq);
}
