// The visitor's presence in the room: renews a lease while the page is open, and returns it when the page closes.

import { randomId } from "../random-id.js";
import * as api from "./api.js";

/** A lease is renewed well before its end. */
const RENEW_MS = 20_000;
/** Browsers wake the timers of hidden pages once a minute. */
const LEASE_SECONDS = { visible: 45, hidden: 130 };

/**
 * Dispatches `renewed` with `{username, users}` as `detail`, `refused` with the Refusal.
 */
export class Presence extends EventTarget {
  #room;
  /** Names this page load; a reload is another client. */
  #client = randomId();
  #username = "";
  #isClosed = false;

  /** @param {string} room */
  constructor(room) {
    super();
    this.#room = room;
    setInterval(() => this.renew(), RENEW_MS);
    document.addEventListener("visibilitychange", () => this.renew());
    addEventListener("pagehide", () => {
      this.#leave();
      // Browsers fire visibilitychange after this, which must not renew the lease.
      this.#isClosed = true;
    });
    // Back from the back/forward cache.
    addEventListener("pageshow", () => {
      this.#isClosed = false;
      this.renew();
    });
  }

  /** Enters the room under this name. @param {string} username */
  enter(username) {
    if (username !== this.#username) this.#leave();
    this.#username = username;
    this.renew();
  }

  /** Renews the lease now. Does nothing without a name. */
  async renew() {
    const username = this.#username;
    if (!username || this.#isClosed) return;
    const leaseSeconds = LEASE_SECONDS[document.hidden ? "hidden" : "visible"];
    try {
      const lease = await api.renew({ room: this.#room, username, client: this.#client, leaseSeconds });
      if (username === this.#username) this.dispatchEvent(new CustomEvent("renewed", { detail: lease }));
    } catch (refusal) {
      if (username === this.#username) this.dispatchEvent(new CustomEvent("refused", { detail: refusal }));
    }
  }

  #leave() {
    if (this.#username) api.leave({ room: this.#room, username: this.#username, client: this.#client });
  }
}
