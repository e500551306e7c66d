// The clients of one tab and their positions. Subscribes them at the current host, and again at the next one when a host is
// gone: each client continues after the last event it received.

import { locks } from "./liveness.js";
import { ALIVE_MS } from "./tab-registry.js";

/** @typedef {import("./tab-registry.js").TabMessage} TabMessage */
/** @typedef {import("./tab-registry.js").HostMessage} HostMessage */
/** @typedef {import("./subscriber.js").SubscriptionRequest} SubscriptionRequest */
/** @typedef {import("./subscriber.js").SubscriberListener} SubscriberListener */
/** @typedef {(message: TabMessage) => void} Send */
/** @typedef {{request: SubscriptionRequest, listener: SubscriberListener, key: number}} Client */

/**
 * A client's handle on its subscription.
 * @typedef {object} Attachment
 * @property {(topics: string[]) => void} setTopics
 * @property {() => void} retryNow
 * @property {() => void} detach
 */

export class Tab {
  /** By key. A key is never reused, so late messages of an earlier host are ignored. @type {Map<number, Client>} */
  #clients = new Map();
  #nextKey = 1;
  /** @type {Send | null} */
  #send = null;
  /** @type {string | null} */
  #lock = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pulse;

  /**
   * @param {SubscriptionRequest} request
   * @param {SubscriberListener} listener
   * @returns {Attachment}
   */
  attach(request, listener) {
    const client = { request, listener, key: 0 };
    this.#attach(client);
    return {
      setTopics: (topics) => {
        client.request = { ...client.request, topics };
        this.#send?.({ kind: "topics", key: client.key, topics });
      },
      retryNow: () => this.#send?.({ kind: "retry", key: client.key }),
      detach: () => {
        this.#clients.delete(client.key);
        this.#send?.({ kind: "detach", key: client.key });
      },
    };
  }

  /**
   * Switches to this host.
   * @param {Send} send
   * @param {string | null} lock held by this tab while it exists
   */
  useHost(send, lock) {
    this.leaveHost();
    this.#send = send;
    this.#lock = lock;
    this.#hello();
    if (!locks()) this.#pulse = setInterval(() => send({ kind: "alive" }), ALIVE_MS);
  }

  leaveHost() {
    clearInterval(this.#pulse);
    this.#send?.({ kind: "bye" });
    this.#send = null;
  }

  /** @param {HostMessage} message */
  receive(message) {
    if (message.kind === "unknownTab") return this.#hello();
    const client = this.#clients.get(message.key);
    if (!client) return;
    if (message.kind === "status") return client.listener.changed(message.status);
    client.request = { ...client.request, start: { lastEventId: message.cursor } };
    client.listener.received(message.records, message.cursor);
  }

  #hello() {
    this.#send?.({ kind: "hello", lock: this.#lock });
    for (const client of [...this.#clients.values()]) this.#attach(client);
  }

  /** @param {Client} client */
  #attach(client) {
    this.#clients.delete(client.key);
    client.key = this.#nextKey++;
    this.#clients.set(client.key, client);
    this.#send?.({ kind: "attach", key: client.key, request: client.request });
  }
}
