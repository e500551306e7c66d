// Keeps the one who sits here in the room: renews a lease while the page is open and gives it back when it is closed.

import { randomId } from "../random-id.js";
import * as api from "./api.js";

/** A lease is renewed well before its end. */
const RENEW_MS = 20_000;
/** Browsers wake the timers of hidden pages once a minute. */
const LEASE_SECONDS = { visible: 45, hidden: 130 };

/**
 * Fires on itself: `renewed` with `{username, users}` as `detail`, `refused` with the Refusal.
 */
export class Presence extends EventTarget {
  #room;
  /** Of this load of the page: one that is loaded again is another client. */
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
      // After this one, browsers tell that the page is hidden now: that is no news of somebody who is there.
      this.#isClosed = true;
    });
    // Back from the browser's page cache.
    addEventListener("pageshow", () => {
      this.#isClosed = false;
      this.renew();
    });
  }

  /** Be in the room by this name. @param {string} username */
  enter(username) {
    if (username !== this.#username) this.#leave();
    this.#username = username;
    this.renew();
  }

  /** Say that we are there, now. Does nothing without a name. */
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
