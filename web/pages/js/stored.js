// A value shared by all tabs of this browser, which survives a reload.

import { parsed } from "./json.js";
import { recall, remember } from "./settings.js";

/**
 * Dispatches `change` for changes in this tab and in others.
 * @template T
 */
export class Stored extends EventTarget {
  #name;
  #parse;
  /** The text that the value was parsed from. @type {string | null} */
  #text;
  /** @type {T} */
  #value;

  /**
   * @param {string} name
   * @param {(value: any) => T} parse makes a valid value of whatever was stored; gets null when nothing was
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

  /** Changes the stored value, which another tab may have just changed. @param {(value: T) => T} change */
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
