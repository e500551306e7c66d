// The list of notifications, newest first: what it holds, what it shows, how many are unread and hidden.

import { isAfter } from "./notification.js";
import { hiddenBecause } from "./preferences.js";
import { Row } from "./row.js";

/** @typedef {import("./notification.js").Notification} Notification */
/** @typedef {import("./preferences.js").Preferences} Preferences */
/** @typedef {import("./preferences.js").Reason} Reason */
/** @typedef {import("./read-marks.js").ReadMarks} ReadMarks */

/** Limit of notifications; above it the oldest are dropped. */
const MOST = 500;
/** Rows shown at first and added at a time, so that what follows the list stays within reach. */
const STEP = 20;

/** @typedef {{shown: number, unread: number, more: number, hidden: Map<Reason, number>}} Counts */

export class NotificationList {
  #root;
  #marks;
  /** Newest first. @type {Row[]} */
  #rows = [];
  #limit = STEP;
  /** Also show what the preferences hide. */
  revealed = false;

  /** @param {HTMLElement} root @param {ReadMarks} marks */
  constructor(root, marks) {
    this.#root = root;
    this.#marks = marks;
  }

  /** @param {Notification} notification @returns {boolean} false when the list has it already */
  add(notification) {
    if (this.#rows.some((row) => row.notification.id === notification.id)) return false;
    // New ones are newer than all others; an older one is put in its place.
    const at = this.#rows.findIndex((row) => isAfter(notification.id, row.notification.id));
    const row = new Row(notification, (row) => this.#marks.mark([row.notification.id], !row.isRead));
    const next = at < 0 ? null : this.#rows[at];
    this.#root.insertBefore(row.element, next?.element ?? null);
    this.#rows.splice(at < 0 ? this.#rows.length : at, 0, row);
    for (const old of this.#rows.splice(MOST)) old.element.remove();
    return true;
  }

  /** Id of the newest; null when there is none. */
  get newest() {
    return this.#rows[0]?.notification.id ?? null;
  }

  get categories() {
    return new Set(this.#rows.map((row) => row.notification.category));
  }

  showMore() {
    this.#limit += STEP;
  }

  /**
   * Redraws according to preferences, read marks and time.
   * @param {Preferences} wanted
   * @param {Date} now
   * @returns {Counts}
   */
  draw(wanted, now) {
    /** @type {Counts} */
    const counts = { shown: 0, unread: 0, more: 0, hidden: new Map() };
    for (const row of this.#rows) {
      const verdict = hiddenBecause(row.notification, wanted, now);
      const read = this.#marks.has(row.notification.id);
      if (verdict) counts.hidden.set(verdict.reason, (counts.hidden.get(verdict.reason) ?? 0) + 1);
      else if (!read) counts.unread += 1;
      const wantedHere = !verdict || this.revealed;
      const fits = wantedHere && counts.shown < this.#limit;
      if (fits) counts.shown += 1;
      else if (wantedHere) counts.more += 1;
      row.show(read, verdict?.words ?? null);
      row.element.hidden = !fits;
    }
    return counts;
  }

  /** Ids of those that the preferences do not hide. @param {Preferences} wanted @param {Date} now */
  idsFor(wanted, now) {
    const all = this.#rows.map((row) => row.notification);
    return all.filter((notification) => !hiddenBecause(notification, wanted, now)).map(({ id }) => id);
  }
}
