// A value that all tabs of this browser share and that survives a reload. Where storage is refused, for this page only.

import { recall, remember } from "../settings.js";

/**
 * Fires `change` on itself, for a change in this tab and in any other.
 * @template T
 */
export class Stored extends EventTarget {
  #name;
  #parse;
  /** The last text written or read, for when storage is refused. @type {string | null} */
  #text;
  /** @type {T} */
  #value;

  /**
   * @param {string} name
   * @param {(value: any) => T} parse makes something valid of whatever was stored, `undefined` included
   */
  constructor(name, parse) {
    super();
    this.#name = name;
    this.#parse = parse;
    this.#text = recall(name);
    this.#value = this.#read();
    addEventListener("storage", (event) => {
      if (event.key?.endsWith(`.${name}`)) this.#refresh();
    });
  }

  get value() {
    return this.#value;
  }

  /** Changes what is stored now, which another tab may have changed a moment ago. @param {(value: T) => T} change */
  update(change) {
    this.#text = recall(this.#name) ?? this.#text;
    this.#value = change(this.#read());
    this.#text = JSON.stringify(this.#value);
    remember(this.#name, this.#text);
    this.dispatchEvent(new Event("change"));
  }

  #refresh() {
    const text = recall(this.#name);
    if (text === this.#text) return;
    this.#text = text;
    this.#value = this.#read();
    this.dispatchEvent(new Event("change"));
  }

  #read() {
    try {
      return this.#parse(this.#text === null ? undefined : JSON.parse(this.#text));
    } catch {
      return this.#parse(undefined);
    }
  }
}
