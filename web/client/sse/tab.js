// The clients of one tab, and what each has got. Talks to a host, whichever it is, and starts over with the next one when
// that is gone: each client goes on after the last event it was given.

import { locks } from "./liveness.js";
import { ALIVE_MS } from "./reception.js";

/** @typedef {import("./reception.js").TabMessage} TabMessage */
/** @typedef {import("./reception.js").HostMessage} HostMessage */
/** @typedef {import("./subscriber.js").Wish} Wish */
/** @typedef {import("./subscriber.js").SubscriberListener} SubscriberListener */
/** @typedef {(message: TabMessage) => void} Send */
/** @typedef {{wish: Wish, listener: SubscriberListener, key: number}} Client */

/**
 * What a client holds while it is open.
 * @typedef {object} Attachment
 * @property {(topics: string[]) => void} setTopics
 * @property {() => void} retryNow
 * @property {() => void} detach
 */

export class Tab {
  /** By key. A key is never used twice, so what an earlier host still sends is for nobody. @type {Map<number, Client>} */
  #clients = new Map();
  #nextKey = 1;
  /** @type {Send | null} */
  #send = null;
  /** @type {string | null} */
  #lock = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #pulse;

  /**
   * @param {Wish} wish
   * @param {SubscriberListener} listener
   * @returns {Attachment}
   */
  attach(wish, listener) {
    const client = { wish, listener, key: 0 };
    this.#introduce(client);
    return {
      setTopics: (topics) => {
        client.wish = { ...client.wish, topics };
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
   * Talks to this host from now on.
   * @param {Send} send
   * @param {string | null} lock by which the host knows that this tab is there
   */
  useHost(send, lock) {
    this.leaveHost();
    this.#send = send;
    this.#lock = lock;
    this.#greet();
    if (!locks()) this.#pulse = setInterval(() => send({ kind: "alive" }), ALIVE_MS);
  }

  leaveHost() {
    clearInterval(this.#pulse);
    this.#send?.({ kind: "bye" });
    this.#send = null;
  }

  /** @param {HostMessage} message */
  receive(message) {
    if (message.kind === "stranger") return this.#greet();
    const client = this.#clients.get(message.key);
    if (!client) return;
    if (message.kind === "status") return client.listener.changed(message.status);
    client.wish = { ...client.wish, start: { lastEventId: message.cursor } };
    client.listener.received(message.records, message.cursor);
  }

  #greet() {
    this.#send?.({ kind: "hello", lock: this.#lock });
    for (const client of [...this.#clients.values()]) this.#introduce(client);
  }

  /** @param {Client} client */
  #introduce(client) {
    this.#clients.delete(client.key);
    client.key = this.#nextKey++;
    this.#clients.set(client.key, client);
    this.#send?.({ kind: "attach", key: client.key, wish: client.wish });
  }
}
