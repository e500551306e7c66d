// The list of who is in the room, from the server's list and what came after it.

import { element } from "../element.js";
import * as api from "./api.js";

/** Lines that are shown; of more, the number. */
const MAX_SHOWN = 200;

export class People {
  #room;
  #list;
  #count;
  /** @type {Set<string>} */
  #names = new Set();
  #own = "";
  #isStale = false;
  /** Who has come (true) or gone since the server was asked for its list, for each time it is being asked. @type {Set<Map<string, boolean>>} */
  #since = new Set();

  /** @param {string} room @param {HTMLElement} list @param {HTMLElement} count */
  constructor(room, list, count) {
    this.#room = room;
    this.#list = list;
    this.#count = count;
  }

  /** @param {string} own the name of the one who sits here */
  setOwn(own) {
    this.#own = own;
    this.#show();
  }

  /** @param {string} username */
  add(username) {
    this.#names.add(username);
    for (const changes of this.#since) changes.set(username, true);
    this.#show();
  }

  /** @param {string} username */
  remove(username) {
    this.#names.delete(username);
    for (const changes of this.#since) changes.set(username, false);
    this.#show();
  }

  /** The server counts so many: if that is not what we have, twice, ask for the list. @param {number} count */
  compare(count) {
    const differs = count !== this.#names.size;
    if (differs && this.#isStale) void this.refresh();
    this.#isStale = differs;
  }

  /** Asks the server. Its answer may be older than what has come on the stream meanwhile. */
  async refresh() {
    const changes = new Map();
    this.#since.add(changes);
    try {
      const names = new Set(await api.users(this.#room));
      for (const [username, isHere] of changes) isHere ? names.add(username) : names.delete(username);
      this.#names = names;
      this.#show();
    } catch {
      // What we have stays; the next connection asks again.
    } finally {
      this.#since.delete(changes);
    }
  }

  #show() {
    const names = [...this.#names].sort((a, b) => a.localeCompare(b));
    this.#count.textContent = String(names.length);
    const lines = names.slice(0, MAX_SHOWN).map((name) => this.#line(name));
    if (names.length > MAX_SHOWN) lines.push(element("li", "", `and ${names.length - MAX_SHOWN} more`));
    this.#list.replaceChildren(...lines);
  }

  /** @param {string} name */
  #line(name) {
    const line = element("li", "", element("bdi", "", name));
    if (name === this.#own) line.append(element("span", "muted small", "you"));
    return line;
  }
}
