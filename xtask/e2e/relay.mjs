// A proxy in front of the server that notes how event streams are answered, and can hold them back. Knows no browser.

import { once } from "node:events";
import { createServer, request as send } from "node:http";

export class Relay {
  #target;
  #server = createServer((request, response) => this.#pass(request, response));
  /** The status of each answer at `/events`, in order. */
  statuses = [];
  /** While set, an event stream does not get through, as behind a proxy that buffers. */
  holdsStreams = false;

  /** @param {string} target */
  static async start(target) {
    const relay = new Relay();
    relay.#target = target;
    relay.#server.listen(0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get url() {
    return `http://127.0.0.1:${this.#server.address().port}`;
  }

  stop() {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #pass(request, response) {
    const isStream = request.url.startsWith("/events");
    const { method, headers } = request;
    const upstream = send(new URL(request.url, this.#target), { method, headers, agent: false }, (answer) => {
      if (isStream) this.statuses.push(answer.statusCode);
      if (isStream && this.holdsStreams && answer.statusCode === 200) return void answer.resume();
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    upstream.on("error", () => response.destroy());
    response.on("close", () => upstream.destroy());
    request.pipe(upstream);
  }
}
