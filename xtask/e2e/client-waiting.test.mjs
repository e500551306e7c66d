// web/client/sse/shared-connection.js by itself, over streams that the test makes up: who joins while a stream is being opened.

import assert from "node:assert/strict";
import { afterEach, describe, it } from "node:test";
import { SharedConnection } from "../../web/client/sse/shared-connection.js";
import { until } from "./harness.mjs";

const TARGET = { url: new URL("http://hub/events"), pollUrl: new URL("http://hub/poll"), credentials: "same-origin" };
const TIMEOUTS = { minDelayMs: 10, maxDelayMs: 10, maxRetryMs: 10, silenceMs: 0, firstByteMs: 0, probeMs: 0 };

describe("a member that joins while a stream is being opened", () => {
  const original = globalThis.fetch;
  afterEach(() => {
    globalThis.fetch = original;
  });

  it("is told that the connection is live", async () => {
    const answers = [];
    globalThis.fetch = () => new Promise((answer) => answers.push(answer));
    const open = () => new Response(new ReadableStream(), { headers: { "content-type": "text/event-stream" } });
    let over = false;
    const connection = new SharedConnection(TARGET, TIMEOUTS, () => (over = true));
    const join = (topic) => {
      const states = [];
      const member = { topics: [topic], cursor: "e-1", timeouts: TIMEOUTS, states, receive() {}, recover() {}, refuse: assert.fail };
      member.changed = () => void states.push(connection.status.state);
      connection.join(member);
      return member;
    };
    const first = join("a");
    await until(() => answers.length === 1, "a stream for the first");
    const second = join("b");
    answers[0](open());
    await until(() => first.states.at(-1) === "live", "the first is live");
    await until(() => answers.length === 2, "a stream for both");
    answers[1](open());
    await until(() => second.states.at(-1) === "live", () => `the second is ${second.states.at(-1)}`);
    connection.leave(first);
    connection.leave(second);
    await until(() => over, "nobody is left");
  });
});
