// Announces new notifications: to screen readers, and as browser notifications while the tab is hidden. Each is announced
// once, in one of the tabs, even after a reload. The preferences decide elsewhere which ones.

import { isAfter } from "./notification.js";
import { Stored } from "../stored.js";

/** @typedef {import("./notification.js").Notification} Notification */

/** Above this number, only the count is announced. */
const MOST_AT_ONCE = 3;
/** Characters of the text in a browser notification; systems show less. */
const MAX_BODY = 200;
/** A hidden tab gives a visible one this much time to announce first. */
const COURTESY_MS = 300;

export class Announcer {
  /** Everything up to this id has been announced; null on a first visit. */
  #told = new Stored("notifications.told", (value) => (typeof value === "string" ? value : null));
  #news;

  /** @param {HTMLElement} news live region */
  constructor(news) {
    this.#news = news;
  }

  /** On a first visit, and on one to a new log, what is there already is not announced. @param {string | null} newest */
  begin(newest) {
    this.#told.update((told) => (told === null || isAfter(told, newest ?? "") ? (newest ?? "") : told));
  }

  /**
   * @param {Notification[]} arrived in their order, those that are hidden by the preferences included
   * @param {(notification: Notification) => boolean} wanted
   * @param {boolean} desktop
   */
  offer(arrived, wanted, desktop) {
    if (!document.hidden) {
      const fresh = this.#take(arrived).filter(wanted);
      if (fresh.length > 0) this.#news.textContent = summary(fresh);
      return;
    }
    setTimeout(() => {
      const fresh = this.#take(arrived).filter(wanted);
      if (desktop) show(fresh);
    }, COURTESY_MS);
  }

  /** Those not announced yet. @param {Notification[]} arrived */
  #take(arrived) {
    /** @type {Notification[]} */
    let fresh = [];
    this.#told.update((told) => {
      if (told === null) return null;
      fresh = arrived.filter(({ id }) => told === "" || isAfter(id, told));
      return fresh.at(-1)?.id ?? told;
    });
    return fresh;
  }
}

/** @param {Notification[]} fresh */
function summary(fresh) {
  const [one] = fresh;
  return fresh.length === 1 && one ? `New notification, ${one.severity}: ${one.title}` : `${fresh.length} new notifications`;
}

/** Permission to show browser notifications, or that there are none. @returns {NotificationPermission | "missing"} */
export const permission = () => ("Notification" in window ? Notification.permission : "missing");

/** @param {Notification[]} fresh */
function show(fresh) {
  if (permission() !== "granted") return;
  if (fresh.length > MOST_AT_ONCE) {
    pop(`${fresh.length} new notifications`, fresh.at(-1)?.title ?? "", "several");
    return;
  }
  for (const { id, severity, category, title, text } of fresh) pop(title, `${severity} · ${category}\n${text}`, id);
}

/**
 * @param {string} title
 * @param {string} body
 * @param {string} tag the same in two tabs is shown once
 */
function pop(title, body, tag) {
  try {
    const shown = new Notification(title, { body: body.slice(0, MAX_BODY).trim(), tag, icon: "/favicon.svg" });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Chrome for Android has the class but only service workers may use it; the count in the title remains.
  }
}
