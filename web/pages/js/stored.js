// A value that all tabs of this browser share and that survives a reload.

import { parsed } from "./json.js";
import { recall, remember } from "./settings.js";

/**
 * Fires `change` on itself, for a change in this tab and in any other.
 * @template T
 */
export class Stored extends EventTarget {
  #name;
  #parse;
  /** The text that the value was made of. @type {string | null} */
  #text;
  /** @type {T} */
  #value;

  /**
   * @param {string} name
   * @param {(value: any) => T} parse makes something valid of whatever was stored; null when nothing was
   */
  constructor(name, parse) {
    super();
    this.#name = name;
    this.#parse = parse;
    this.#text = recall(name);
    this.#value = parse(parsed(this.#text));
    addEventListener("storage", (event) => {
      if (event.key === null || event.key.endsWith(`.${name}`)) this.#refresh();
    });
  }

  get value() {
    return this.#value;
  }

  /** Changes what is stored now, which another tab may have changed a moment ago. @param {(value: T) => T} change */
  update(change) {
    this.#value = change(this.#parse(parsed(recall(this.#name))));
    this.#text = JSON.stringify(this.#value);
    remember(this.#name, this.#text);
    this.dispatchEvent(new Event("change"));
  }

  #refresh() {
    const text = recall(this.#name);
    if (text === this.#text) return;
    this.#text = text;
    this.#value = this.#parse(parsed(text));
    this.dispatchEvent(new Event("change"));
  }
}
