// The option `token` of the browser client: web/client/sse/connection.js by itself, against a server that refuses at will.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { describe, it } from "node:test";
import { Connection } from "../../web/client/sse/connection.js";

/** Answers each attempt as `answers` say, one after the other, and notes what was sent. */
async function start(answers) {
  const requests = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    requests.push({ token: request.headers.authorization ?? null, after: url.searchParams.get("last_event_id") });
    const status = answers[requests.length - 1] ?? 200;
    if (status !== 200) {
      response.writeHead(status, { "Content-Type": "application/problem+json" });
      return response.end(JSON.stringify({ status, detail: "it has expired" }));
    }
    response.writeHead(200, { "Content-Type": "text/event-stream" });
    response.write(`retry: 1\n\nid: ${requests.length}\ndata: ${requests.length}\n\n`);
    // Some streams end, as they do with their token.
    if (requests.length < answers.length) response.end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const close = () => {
    server.closeAllConnections();
    server.close();
  };
  return { url: `http://127.0.0.1:${server.address().port}/events`, requests, close };
}

/** A connection that reconnects at once, and waits for what it comes to. */
class Client {
  #connection;
  #data = "";
  #look = () => {};

  constructor(url, token) {
    const target = { url: new URL(url), pollUrl: null, credentials: "same-origin", token };
    const timeouts = { minDelayMs: 1, maxDelayMs: 5, maxRetryMs: 5, firstByteMs: 0, silenceMs: 0, probeMs: 0 };
    this.#connection = new Connection(target, timeouts, {
      received: (records) => {
        this.#data = records.at(-1)?.data ?? this.#data;
        this.#look();
      },
      changed: () => this.#look(),
    });
    this.open();
  }

  get status() {
    return this.#connection.status;
  }

  open() {
    this.#connection.open();
  }

  close() {
    this.#connection.close();
  }

  /** Resolves when the connection has this state. */
  state(state) {
    return this.#until(() => this.status.state === state);
  }

  /** Resolves when this is what came last. */
  data(data) {
    return this.#until(() => this.#data === data);
  }

  #until(holds) {
    return new Promise((done) => {
      this.#look = () => holds() && done();
      this.#look();
    });
  }
}

/** Gives `t1`, `t2` and so on. */
function counting() {
  let asked = 0;
  return async () => `t${(asked += 1)}`;
}

const tokens = ({ requests }) => requests.map(({ token }) => token);

describe("token", { timeout: 60_000 }, () => {
  it("is sent as it is", async () => {
    const server = await start([200]);
    const client = new Client(server.url, "secret");
    await client.state("live");
    client.close();
    assert.deepEqual(tokens(server), ["Bearer secret"]);
    server.close();
  });

  it("is asked for before each attempt", async () => {
    const server = await start([200, 503, 200, 200]);
    const client = new Client(server.url, counting());
    await client.data("4");
    client.close();
    assert.deepEqual(tokens(server), ["Bearer t1", "Bearer t2", "Bearer t3", "Bearer t4"]);
    server.close();
  });

  it("is asked for once more when it is refused, each time the stream had begun", async () => {
    const server = await start([401, 200, 401, 200, 200]);
    const client = new Client(server.url, counting());
    await client.data("5");
    assert.equal(client.status.problem, null);
    client.close();
    server.close();
  });

  it("closes for good when it is refused again, and goes on from the last event", async () => {
    const server = await start([200, 401, 401, 401, 200]);
    const client = new Client(server.url, counting());
    await client.state("closed");
    assert.match(client.status.problem, /^401 Unauthorized: it has expired/);
    client.open();
    await client.state("live");
    client.close();
    assert.deepEqual(server.requests.map(({ after }) => after), [null, "1", "1", "1", "1"]);
    server.close();
  });

  it("that is a text, or a refusal of another kind, is not tried again", async () => {
    for (const [token, status] of [["secret", 401], [counting(), 403]]) {
      const server = await start([status, 200]);
      const client = new Client(server.url, token);
      await client.state("closed");
      assert.equal(server.requests.length, 1);
      server.close();
    }
  });

  it("that cannot be had is asked for later", async () => {
    const server = await start([200]);
    let asked = 0;
    const token = () => ((asked += 1) === 1 ? Promise.reject(new Error("offline")) : "t");
    const client = new Client(server.url, token);
    await client.state("live");
    client.close();
    assert.deepEqual(tokens(server), ["Bearer t"]);
    server.close();
  });
});
