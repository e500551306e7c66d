// What ends and what goes away: closed topics, deleted ones, events with a time to live.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { after, afterEach, before, beforeEach, describe, it } from "node:test";
import { promisify } from "node:util";
import { launchBrowser, program, publish, scratchFolder, Server, SUITE, until } from "./harness.mjs";
import { launchFirefox, noFirefox } from "./firefox.mjs";
import { Relay } from "./relay.mjs";

/** Closes a topic, with a last event if there is a body; gives the id of its end. */
async function closeTopic(server, topic, body) {
  const response = await fetch(`${server.url}/topics/${topic}?close=true`, { method: "POST", body });
  assert.equal(response.status, 200);
  const { id, ids } = await response.json();
  return id ?? ids.last;
}

async function deleteTopic(server, topic) {
  const response = await fetch(`${server.url}/topics/${topic}`, { method: "DELETE" });
  assert.equal(response.status, 200);
}

const seen = (page) => page.evaluate(() => window.seen);
const sees = (page, text) => until(() => page.evaluate((text) => window.seen.some((line) => line.includes(text)), text), text);

/** Opens a native EventSource; what it is given goes to `window.seen`. It is subscribed once this resolves. */
const openSource = (page, url) =>
  page.evaluate((url) => {
    window.seen = [];
    const source = (window.source = new EventSource(url));
    for (const type of ["message", "gap", "end"]) {
      source.addEventListener(type, ({ data }) => {
        // Only the hub's greeting has this.
        if (!data.includes("Connected to event stream")) window.seen.push(`${type} ${data}`);
      });
    }
    return new Promise((done) => source.addEventListener("open", () => done(null), { once: true }));
  }, url);

/**
 * Opens our client; what it is given and how it ends goes to `window.seen`. On a busy machine no stream is taken for one that
 * a proxy holds back, unless a test says so.
 */
const openClient = (page, topics, options = {}) =>
  page.evaluate(
    async ([topics, options]) => {
      const { SseClient } = await import("/sse.js");
      window.seen = [];
      window.states = [];
      const client = (window.client = new SseClient("/events", { topics, minDelayMs: 50, firstByteMs: 0, ...options }));
      client.on("*", ({ type, topic, data, hub }) => window.seen.push(`${type} ${topic} ${data} ${hub}`));
      client.addEventListener("statechange", () => window.states.push(client.state));
      client.addEventListener("ended", () => window.seen.push("ended"));
      client.open();
      return null;
    },
    [topics, options],
  );
async function isLive(page, transport = "stream") {
  let seen;
  const reached = async () => {
    seen = await page.evaluate(() => `${window.client.state} by ${window.client.transport}`);
    return seen === `live by ${transport}`;
  };
  await until(reached, () => `live by ${transport}, but ${seen}`);
}
const outcome = (page) =>
  page.evaluate(() => {
    const { state, ended, problem, retryInMs } = window.client;
    return { state, ended, problem, retryInMs };
  });
const OVER = { state: "closed", ended: true, problem: null, retryInMs: null };
const end = (topic) => `end ${topic} {"topic":"${topic}"} end`;

const chromium = async () => {
  const browser = await launchBrowser();
  const context = await browser.newContext();
  return { openTab: () => context.newPage(), close: () => browser.close() };
};

for (const [name, launch, skip] of [["Chromium", chromium, false], ["Firefox", launchFirefox, noFirefox]]) {
  describe(`ending in ${name}`, { ...SUITE, skip }, () => {
    let server;
    let relay;
    let browser;
    before(async () => {
      server = await Server.start("--apps", "none");
    });
    beforeEach(async () => {
      relay = await Relay.start(server.url);
      browser = await launch();
    });
    afterEach(async () => {
      await browser?.close();
      relay.stop();
    });
    after(() => server?.stop());

    /** A quiet page of the server's origin, behind the relay. */
    const openTab = async () => {
      const page = await browser.openTab();
      await page.goto(`${relay.url}/favicon.svg`);
      return page;
    };

    it("an EventSource stops for good when its topic is closed", async () => {
      await publish(server, "job", "one");
      const page = await openTab();
      await openSource(page, "/events?topic=job&last_event_id=earliest");
      await closeTopic(server, "job", "two");
      await until(() => page.evaluate(() => window.source.readyState === EventSource.CLOSED), "CLOSED");
      assert.deepEqual(await seen(page), ["message one", "message two", 'end {"topic":"job"}']);
      // One that is opened later asks after the other could have asked again.
      await openSource(page, "/events?topic=job");
      await sees(page, "end");
      assert.deepEqual(relay.statuses, [200, 204, 200]);
    });

    it("an EventSource is told that its topic is deleted, and stays open", async () => {
      await publish(server, "deleted/a", "old");
      const page = await openTab();
      await openSource(page, "/events?topic=deleted/*");
      await deleteTopic(server, "deleted/a");
      await sees(page, "deleted");
      await publish(server, "deleted/a", "new");
      await sees(page, "new");
      const [gap, ...others] = await seen(page);
      assert.equal(JSON.parse(gap.replace("gap ", "")).reason, "deleted");
      assert.deepEqual(others, ["message new"]);
      assert.deepEqual(relay.statuses, [200]);
    });

    it("an event whose time to live is over is not replayed", async () => {
      const page = await openTab();
      await openSource(page, "/events?topic=short");
      await publish(server, "short", "long-lived");
      await publish(server, "short", "short-lived", { "Event-Ttl": "1s" });
      await sees(page, "short-lived");
      await until(async () => {
        const kept = await (await fetch(`${server.url}/topics/short`)).json();
        return kept.events.every(({ data }) => data !== "short-lived");
      }, "the time to live is over");
      await publish(server, "short", "last");
      const late = await openTab();
      await openSource(late, "/events?topic=short&last_event_id=earliest");
      await sees(late, "last");
      assert.deepEqual((await seen(late)).filter((line) => line.startsWith("message")), ["message long-lived", "message last"]);
    });

    it("the client ends over a connection of its own, without another request", async () => {
      const page = await openTab();
      await openClient(page, ["own/a", "own/b"], { shared: false });
      await isLive(page);
      await closeTopic(server, "own/a", "last");
      await sees(page, end("own/a"));
      await closeTopic(server, "own/b");
      await sees(page, "ended");
      assert.deepEqual(await seen(page), ["message own/a last null", end("own/a"), end("own/b"), "ended"]);
      assert.deepEqual(await outcome(page), OVER);
      assert.equal(await page.evaluate(() => window.states.includes("reconnecting")), false);
      assert.deepEqual(relay.statuses, [200]);
      // What it resumes after is past the end of every topic.
      await page.evaluate(() => window.client.open());
      await until(async () => (await seen(page)).length === 5, "ended again");
      assert.deepEqual(relay.statuses, [200, 204]);
    });

    it("the client ends by long-poll", async () => {
      relay.holdsStreams = true;
      for (const shared of [false, true]) {
        const topic = `poll/${shared}`;
        const page = await openTab();
        await openClient(page, [topic], { shared, firstByteMs: 200 });
        await isLive(page, "poll");
        await closeTopic(server, topic, "last");
        await sees(page, "ended");
        assert.deepEqual(await seen(page), [`message ${topic} last null`, end(topic), "ended"]);
        assert.deepEqual(await outcome(page), OVER);
      }
    });

    for (const mode of ["worker", "leader"]) {
      const openTabs = async (count) => {
        const tabs = [];
        for (let n = 0; n < count; n += 1) tabs.push(await openTab());
        if (mode === "leader") await Promise.all(tabs.map((page) => page.evaluate(() => void delete window.SharedWorker)));
        return tabs;
      };

      it(`only clients whose topics are all closed end, by a ${mode}`, async () => {
        const topic = (name) => `${mode}/${name}`;
        const [done, over, open] = ["done", "over", "open"].map(topic);
        await publish(server, over, "kept");
        await closeTopic(server, over);
        const [one, both, late] = await openTabs(3);
        await openClient(one, [done]);
        await openClient(both, [done, open]);
        await isLive(one);
        await isLive(both);
        // The hub alone knows that one of its topics is closed already.
        await openClient(late, [done, over], { last: 1 });
        await isLive(late);
        await closeTopic(server, done, "last");
        for (const page of [one, late]) await sees(page, "ended");
        assert.deepEqual(await seen(one), [`message ${done} last null`, end(done), "ended"]);
        assert.deepEqual(await seen(late), [end(over), `message ${done} last null`, end(done), "ended"]);
        for (const page of [one, late]) assert.deepEqual(await outcome(page), OVER);
        await publish(server, open, "on");
        await sees(both, `message ${open} on null`);
        assert.deepEqual(await seen(both), [`message ${done} last null`, end(done), `message ${open} on null`]);
        assert.equal((await outcome(both)).state, "live");

        for (const [options, kept] of [[{ lastEventId: "earliest" }, [`message ${over} kept null`, end(over)]], [{ last: 1 }, [end(over)]]]) {
          await openClient(one, [over], options);
          await sees(one, "ended");
          assert.deepEqual(await seen(one), [...kept, "ended"]);
        }
        await closeTopic(server, open);
        await sees(both, "ended");
      });

      it(`only clients of a deleted topic are told, by a ${mode}`, async () => {
        const topic = (name) => `deleted/${mode}/${name}`;
        const [one, other] = await openTabs(2);
        await openClient(one, [topic("a")]);
        await openClient(other, [topic("b")]);
        await Promise.all([one, other].map((page) => isLive(page)));
        // Who is between two streams misses nothing by a deletion, and is not told.
        for (const name of ["a", "b"]) await publish(server, topic(name), "old");
        for (const page of [one, other]) await sees(page, "old");
        await deleteTopic(server, topic("a"));
        await publish(server, topic("a"), "new");
        await publish(server, topic("b"), "new");
        for (const page of [one, other]) await sees(page, "new");
        const [old, gap, ...others] = await seen(one);
        assert.match(gap, new RegExp(`^gap ${topic("a")} .*"reason":"deleted".* gap$`));
        assert.deepEqual([old, ...others], ["old", "new"].map((data) => `message ${topic("a")} ${data} null`));
        assert.deepEqual(await seen(other), ["old", "new"].map((data) => `message ${topic("b")} ${data} null`));
      });
    }
  });
}

describe("ending in sse-cli", SUITE, () => {
  let server;
  before(async () => {
    server = await Server.start("--apps", "none");
  });
  after(() => server?.stop());

  const cli = (...args) => {
    const env = { ...process.env, SSE_SERVER: `${server.url}/events`, NO_COLOR: "1" };
    return promisify(execFile)(program("SSE_CLI_BIN"), args, { env });
  };

  it("tail ends with the last of its topics, and its cursor is at the end", async () => {
    const cursor = path.join(scratchFolder(), "cursor");
    const tail = () => cli("tail", "-t", "cli/a", "-t", "cli/b", "--since", "earliest", "--cursor", cursor, "--template", "{event} {topic} {data}");
    await cli("publish", "cli/a", "one", "--close");
    const first = tail();
    await until(() => server.subscriptions === 1, "tail reads");
    await cli("publish", "cli/b", "--close");
    const { stdout, stderr } = await first;
    assert.deepEqual(stdout.trim().split("\n"), ["message cli/a one", 'end cli/a {"topic":"cli/a"}', 'end cli/b {"topic":"cli/b"}']);
    assert.match(stderr, /^connected to .*\nall topics are closed\n$/);
    assert.match(readFileSync(cursor, "utf8"), /-3"/);
    assert.deepEqual(await tail(), { stdout: "", stderr: "the server ended the stream (204)\n" });
    await assert.rejects(cli("publish", "cli/a", "two"), { code: 4 });
  });

  it("tail is told of a deletion and goes on", async () => {
    await cli("publish", "cli/c", "old");
    const tail = cli("tail", "-t", "cli/c", "-n", "2", "--template", "{event} {topic}");
    await until(() => server.subscriptions === 1, "tail reads");
    await cli("publish", "cli/c", "--delete");
    await cli("publish", "cli/c", "new", "--ttl", "1m");
    const { stdout, stderr } = await tail;
    assert.equal(stdout, "gap cli/c\nmessage cli/c\n");
    assert.match(stderr, /gap: the topic cli\/c was deleted; the stream continues from /);
  });
});
