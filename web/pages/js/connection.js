// The connection state of an SseClient in words, with a countdown and "Retry now". Never decides when to reconnect.

import { write } from "./element.js";

/** @typedef {import("../sse.js").SseClient} SseClient */

/**
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement}
 */
function part(root, selector) {
  const found = root.querySelector(selector);
  if (!(found instanceof HTMLElement)) throw new Error(`connection view: no ${selector} in the page`);
  return found;
}

export class ConnectionView {
  #root;
  #state;
  #detail;
  #retry;
  #client;
  #paused = false;
  #listening = new AbortController();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #ticker;

  /**
   * @param {HTMLElement} root holds `.connection-state` (the only live region), `.connection-detail` and a button
   * @param {SseClient} client
   */
  constructor(root, client) {
    this.#root = root;
    this.#client = client;
    this.#state = part(root, ".connection-state");
    this.#detail = part(root, ".connection-detail");
    this.#retry = part(root, "button");
    const { signal } = this.#listening;
    this.#retry.addEventListener("click", client.retryNow, { signal });
    client.addEventListener("statechange", () => this.#show(), { signal });
    addEventListener("online", () => this.#show(), { signal });
    addEventListener("offline", () => this.#show(), { signal });
    this.#show();
  }

  /** The page paused or resumed drawing; the connection stays open. @param {boolean} paused */
  setPaused(paused) {
    this.#paused = paused;
    this.#show();
  }

  /** Detaches from the client, so that another view can use the elements. */
  end() {
    this.#listening.abort();
    this.#tick(false);
  }

  #show() {
    const { name, words, detail } = this.#describe();
    this.#root.dataset.state = name;
    // The countdown is outside the live region, so that it is not announced every second.
    write(this.#state, words);
    this.#detail.textContent = detail;
    const waiting = this.#client.retryInMs !== null;
    if (!waiting && document.activeElement === this.#retry) this.#state.focus();
    this.#retry.hidden = !waiting;
    this.#tick(waiting);
  }

  #describe() {
    const { state, retryInMs, transport, problem, ended } = this.#client;
    // A proxy holds streams back: everything works, but each answer costs a request.
    const slower = transport === "poll" ? "by long-poll" : "";
    if (state === "live" && this.#paused) return { name: "paused", words: "Paused", detail: "still receiving" };
    if (state === "live") return { name: "live", words: "Live", detail: slower };
    if (state === "connecting") return { name: "connecting", words: "Connecting", detail: "" };
    if (ended) return { name: "closed", words: "Closed", detail: "as are its topics" };
    if (state === "closed") return { name: "closed", words: problem === null ? "Closed" : "Refused", detail: problem ?? "" };
    const name = navigator.onLine ? "reconnecting" : "offline";
    const detail = retryInMs === null ? "now" : `in ${Math.max(1, Math.ceil(retryInMs / 1000))} s`;
    return navigator.onLine ? { name, words: "Reconnecting", detail } : { name, words: "Offline", detail: `next try ${detail}` };
  }

  /** @param {boolean} needed */
  #tick(needed) {
    if (needed && this.#ticker === undefined) {
      this.#ticker = setInterval(() => this.#show(), 250);
    } else if (!needed) {
      clearInterval(this.#ticker);
      this.#ticker = undefined;
    }
  }
}
