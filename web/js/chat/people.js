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
    this.#show();
  }

  /** @param {string} username */
  remove(username) {
    this.#names.delete(username);
    this.#show();
  }

  /** The server counts so many: if that is not what we have, twice, ask for the list. @param {number} count */
  compare(count) {
    const differs = count !== this.#names.size;
    if (differs && this.#isStale) void this.refresh();
    this.#isStale = differs;
  }

  /** Asks the server. */
  async refresh() {
    try {
      this.#names = new Set(await api.users(this.#room));
    } catch {
      // What we have stays; the next connection asks again.
      return;
    }
    this.#show();
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
