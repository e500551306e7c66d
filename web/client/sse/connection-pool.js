// The shared connections of a browser. Assigns each subscriber to one that has room for its topics. There is one pool for all
// tabs, in whichever of them or in a worker.

import { SharedConnection } from "./shared-connection.js";
import { Subscriber } from "./subscriber.js";

/** @typedef {import("./subscriber.js").SubscriptionRequest} SubscriptionRequest */
/** @typedef {import("./subscriber.js").SubscriberListener} SubscriberListener */

export class ConnectionPool {
  /** By server and reader. @type {Map<string, Set<SharedConnection>>} */
  #connections = new Map();

  /**
   * @param {SubscriptionRequest} request
   * @param {SubscriberListener} listener
   */
  attach(request, listener) {
    return new Subscriber(request, (subscriber) => this.#connectionFor(subscriber), listener);
  }

  /**
   * The first connection that has room, else a new one. A second one is opened only when all topics together exceed the
   * hub's limit of selectors.
   * @param {Subscriber} subscriber
   */
  #connectionFor({ request, reader, topics, timeouts }) {
    const key = `${request.credentials} ${reader} ${request.url}`;
    const connections = this.#connections.get(key) ?? new Set();
    this.#connections.set(key, connections);
    for (const connection of connections) if (connection.hasRoom(topics)) return connection;
    const { credentials } = request;
    const target = { url: new URL(request.url), pollUrl: new URL(request.pollUrl), credentials, reader };
    const connection = new SharedConnection(target, timeouts, () => {
      connections.delete(connection);
      if (connections.size === 0) this.#connections.delete(key);
    });
    connections.add(connection);
    return connection;
  }
}
