// The home page's list of topics, newest event first, each with a link that opens it in the inspector. Fetches nothing.

import { element, write } from "./element.js";
import * as units from "./units.js";

/** A topic as `GET /topics` lists it. @typedef {{topic: string, count: number}} Topic */

export class TopicList {
  #root;

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
  }

  /** Rewrites rows and never replaces them, so that focus and scroll position survive. @param {Topic[]} topics */
  show(topics) {
    while (this.#root.children.length > topics.length) this.#root.lastElementChild?.remove();
    topics.forEach(({ topic, count }, i) => {
      const row = this.#root.children[i] ?? this.#newRow();
      const [link, events] = row.children;
      write(link, topic);
      link?.setAttribute("href", `/inspect?${new URLSearchParams({ topic, after: "last" })}`);
      write(events, `${units.count(count)} ${count === 1 ? "event" : "events"}`);
    });
  }

  #newRow() {
    const row = element("li", "", element("a", ""), element("span", "muted figures"));
    this.#root.append(row);
    return row;
  }
}
