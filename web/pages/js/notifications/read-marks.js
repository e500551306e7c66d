// Which notifications have been read in this browser, in whichever tab.

import { Stored } from "../stored.js";

/** As many as the server stores; above it the oldest marks are dropped. */
const MOST = 1_000;

export class ReadMarks extends EventTarget {
  #stored = new Stored("notifications.read", (value) =>
    Array.isArray(value) ? value.filter((id) => typeof id === "string") : [],
  );
  /** @type {Set<string>} */
  #ids = new Set(this.#stored.value);

  constructor() {
    super();
    this.#stored.addEventListener("change", () => {
      this.#ids = new Set(this.#stored.value);
      this.dispatchEvent(new Event("change"));
    });
  }

  /** @param {string} id */
  has(id) {
    return this.#ids.has(id);
  }

  /** @param {string[]} ids @param {boolean} read */
  mark(ids, read) {
    const those = new Set(ids);
    this.#stored.update((before) => {
      const others = before.filter((id) => !those.has(id));
      return read ? [...others, ...those].slice(-MOST) : others;
    });
  }
}
