// The people in the room: the server's list, updated by the events that follow it.

import { element } from "../element.js";
import * as api from "./api.js";

/** Limit of lines; the rest is counted. */
const MAX_SHOWN = 200;

export class People {
  #room;
  #list;
  #count;
  /** @type {Set<string>} */
  #names = new Set();
  #own = "";
  #isStale = false;
  /** For each pending request of the list: who joined (true) or left since it was sent. @type {Set<Map<string, boolean>>} */
  #since = new Set();

  /** @param {string} room @param {HTMLElement} list @param {HTMLElement} count */
  constructor(room, list, count) {
    this.#room = room;
    this.#list = list;
    this.#count = count;
  }

  /** @param {string} own the visitor's name */
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

  /** Compares with the server's count, and fetches the list when they differ twice. @param {number} count */
  compare(count) {
    const differs = count !== this.#names.size;
    if (differs && this.#isStale) void this.refresh();
    this.#isStale = differs;
  }

  /** Fetches the list. It may be older than the events that arrived in the meantime. */
  async refresh() {
    const changes = new Map();
    this.#since.add(changes);
    try {
      const names = new Set(await api.users(this.#room));
      for (const [username, isHere] of changes) isHere ? names.add(username) : names.delete(username);
      this.#names = names;
      this.#show();
    } catch {
      // The list stays as it is; the next connection fetches it again.
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
