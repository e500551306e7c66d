// sse.js and js/history.js by themselves: imported by a page, fed by a stream the test makes up.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { DEADLINE_MS, fakeStream, forbid, launchBrowser, newPage, publish, scratchFolder, Server, streamBody, SUITE } from "./harness.mjs";

describe("browser client", SUITE, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start();
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** A quiet page of the server's origin, where modules can be imported. */
  const blank = async () => {
    const opened = await newPage(browser);
    await opened.page.goto(`${server.url}/favicon.svg`);
    return opened;
  };

  it("resumes after the last id it handed out", async () => {
    const { page, close } = await blank();
    const asked = [];
    await page.route("**/fake*", (route) => {
      asked.push(new URL(route.request().url()).searchParams.get("last_event_id"));
      const n = asked.length;
      return route.fulfill({ contentType: "text/event-stream", body: streamBody([["tick", `${n}`, n < 3 ? `e-${n}` : ""]]) });
    });
    const seen = await page.evaluate(async () => {
      const { SseClient } = await import("/sse.js");
      const client = new SseClient("/fake", { lastEventId: "earliest", minDelayMs: 20 });
      const ticks = [];
      await new Promise((done) => {
        client.on("tick", (event) => ticks.push(event.data) === 4 && done());
        client.open();
      });
      client.close();
      return { ticks, state: client.state, lastEventId: client.lastEventId };
    });
    assert.deepEqual(asked.slice(0, 4), ["earliest", "e-1", "e-2", "e-2"]);
    assert.deepEqual(seen, { ticks: ["1", "2", "3", "4"], state: "closed", lastEventId: "e-2" });
    await close();
  });

  it("waits twice as long after each failure, up to its limit, and starts over after an event", async () => {
    const { page, close } = await blank();
    let works = false;
    await page.route("**/fake*", (route) =>
      works ? route.fulfill({ contentType: "text/event-stream", body: "data: x\n\n" }) : route.fulfill({ status: 502, body: "" }),
    );
    const waits = (n) =>
      page.evaluate(async (count) => {
        if (!window.client) {
          const { SseClient } = await import("/sse.js");
          window.client = new SseClient("/fake", { minDelayMs: 100, maxDelayMs: 400 });
          window.client.on("message", () => {});
        }
        const found = [];
        await new Promise((done) => {
          const note = () => {
            if (window.client.retryInMs === null) return;
            found.push(window.client.retryInMs);
            if (found.length === count) done();
          };
          window.client.addEventListener("statechange", note);
          window.client.open();
        });
        window.client.close();
        return found;
      }, n);
    const failing = await waits(5);
    [100, 200, 400, 400, 400].forEach((ceiling, i) => {
      assert.ok(failing[i] > ceiling / 2 - 10 && failing[i] <= ceiling, `wait ${i} is ${failing[i]} ms, ceiling ${ceiling} ms`);
    });
    works = true;
    const [first, second] = await waits(2);
    assert.ok(first <= 100 && second <= 100, `after events: ${first} ms, ${second} ms`);
    await close();
  });

  it("retries at once when the network is back", async () => {
    const { page, close } = await blank();
    await page.route("**/fake*", (route) => route.fulfill({ status: 502, body: "" }));
    const tried = await page.evaluate(async () => {
      const { SseClient } = await import("/sse.js");
      const client = new SseClient("/fake", { minDelayMs: 60_000, maxDelayMs: 60_000 });
      client.open();
      const waiting = () => new Promise((done) => client.addEventListener("statechange", () => client.retryInMs !== null && done(), { once: false }));
      await waiting();
      const again = waiting();
      dispatchEvent(new Event("online"));
      const trying = client.retryInMs === null;
      await again;
      client.close();
      return trying;
    });
    assert.equal(tried, true);
    await close();
  });

  it("reopens a stream that fell silent", { timeout: DEADLINE_MS }, async () => {
    const { page, close } = await blank();
    let opened = 0;
    let twice;
    const reopened = new Promise((done) => {
      twice = done;
    });
    await page.route("**/fake*", () => {
      opened += 1; // Never answered.
      if (opened === 2) twice();
    });
    await page.evaluate(async () => {
      const { SseClient } = await import("/sse.js");
      new SseClient("/fake", { minDelayMs: 20, silenceMs: 100 }).open();
    });
    await reopened;
    await close();
  });

  it("delivers events that are named like the connection's own", { timeout: DEADLINE_MS }, async () => {
    const { page, close } = await blank();
    await fakeStream(page, "**/fake*", [["open", "1"], ["error", "2"], ["message", "3"]]);
    const seen = await page.evaluate(async () => {
      const { SseClient } = await import("/sse.js");
      const client = new SseClient("/fake");
      const data = [];
      await new Promise((done) => {
        for (const type of ["open", "error"]) client.on(type, (event) => data.push(event.data));
        client.on("message", () => done());
        client.open();
      });
      client.close();
      return data;
    });
    assert.deepEqual(seen, ["1", "2"]);
    await close();
  });

  it("stops when it is refused, and says why", async () => {
    const { page, close } = await blank();
    const asked = [];
    await page.route("**/fake*", (route) => {
      asked.push(route.request().url());
      const detail = "topic \"x y\": no spaces";
      return route.fulfill({ status: 400, contentType: "application/problem+json", body: JSON.stringify({ status: 400, detail }) });
    });
    await page.route("**/done*", (route) => route.fulfill({ status: 204 }));
    const ends = (url) =>
      page.evaluate(async (url) => {
        const { SseClient } = await import("/sse.js");
        const client = new SseClient(url, { topics: ["x y"], minDelayMs: 1 });
        await new Promise((done) => {
          client.addEventListener("statechange", () => client.state === "closed" && done());
          client.open();
        });
        return [client.problem, client.ended];
      }, url);
    assert.deepEqual(await ends("/fake"), ['400 Bad Request: topic "x y": no spaces', false]);
    assert.deepEqual(await ends("/done"), [null, true]);
    assert.deepEqual(asked, [`${server.url}/fake?topic=x+y`]);
    await close();
  });

  it("waits as long as the server asks, and at least its reconnection time", async () => {
    const { page, close } = await blank();
    await page.route("**/busy*", (route) => route.fulfill({ status: 503, headers: { "Retry-After": "20" }, body: "" }));
    const slow = (ms) => (route) => route.fulfill({ contentType: "text/event-stream", body: `retry: ${ms}\ndata: x\n\n` });
    await page.route("**/slow*", slow(60_000));
    await page.route("**/absurd*", slow("9".repeat(40)));
    const wait = (url, options = {}) =>
      page.evaluate(async ([url, options]) => {
        const { SseClient } = await import("/sse.js");
        const client = new SseClient(url, { minDelayMs: 1, ...options });
        await new Promise((done) => {
          client.addEventListener("statechange", () => client.retryInMs !== null && done());
          client.open();
        });
        const found = client.retryInMs;
        client.close();
        return found;
      }, [url, options]);
    const isWithin = (ms, least, most) => assert.ok(ms > least && ms <= most, `${ms} ms`);
    isWithin(await wait("/busy"), 19_000, 20_000);
    isWithin(await wait("/slow"), 29_900, 60_000);
    isWithin(await wait("/absurd"), 149_900, 300_000);
    isWithin(await wait("/absurd", { maxRetryMs: 1000 }), 400, 1000);
    // A timer cannot be set for longer, and fires at once when it is.
    isWithin(await wait("/absurd", { maxRetryMs: Infinity }), 2 ** 31 - 10_000, 2 ** 31);
    await close();
  });

  it("names topic and time of each event, and who sent it", async () => {
    const { page, close } = await blank();
    await forbid(page, "SharedWorker", "locks");
    await page.goto(`${server.url}/favicon.svg`);
    const first = await publish(server, "named", "kept");
    const open = (url, options) =>
      page.evaluate(
        async ([url, options]) => {
          const { SseClient } = await import("/sse.js");
          const client = new SseClient(url, options);
          const found = [];
          await new Promise((done) => {
            client.on("*", ({ type, data, topic, time, hub }) => {
              found.push({ type, data: data.slice(0, 4), topic, time, hub });
              if (data === "kept") done();
            });
            client.open();
          });
          client.close();
          return found;
        },
        [url, options],
      );
    const [{ time }] = (await (await fetch(`${server.url}/topics/named`)).json()).events;
    const gap = { type: "gap", data: '{"re', topic: null, time: null, hub: "gap" };
    const event = { type: "message", data: "kept", topic: "named", time, hub: null };
    for (const shared of [true, false]) {
      assert.deepEqual(await open("/events", { topics: ["named"], lastEventId: `0123456789ab-1`, shared }), [gap, event], first);
    }
    await close();
  });

  it("takes no event of another server for the hub's own", async () => {
    const { page, close } = await blank();
    const body = 'data: first\n\nevent: gap\ntopic: t\nid: a-7\ndata: published\n\nhub: greeting\ndata: hello\n\nevent: gap\ndata: {"reason":"expired"}\n\ndata: last\n\n';
    await page.route("**/events*", (route) => route.fulfill({ contentType: "text/event-stream", body }));
    const seen = await page.evaluate(async () => {
      const { SseClient } = await import("/sse.js");
      const client = new SseClient("/events", { shared: false });
      const found = [];
      await new Promise((done) => {
        client.on("*", (event) => found.push(event.data) && event.data === "last" && done());
        client.open();
      });
      client.close();
      return found;
    });
    assert.deepEqual(seen, ["first", "published", '{"reason":"expired"}', "last"]);
    await close();
  });

  for (const shared of [true, false]) {
    it(`starts with the newest events, and goes on live: ${shared ? "shared" : "own"} connection`, async () => {
      const { page, close } = await blank();
      const topic = `newest/${shared}`;
      for (const n of [1, 2, 3]) await publish(server, topic, String(n));
      const collected = page.evaluate(
        async ([topic, shared]) => {
          const { SseClient } = await import("/sse.js");
          const client = new SseClient("/events", { topics: [topic], last: 2, shared });
          const found = [];
          await new Promise((done) => {
            client.on("*", (event) => {
              found.push([event.type, event.data, event.topic, event.lastEventId === client.lastEventId]);
              if (event.data === "live") done();
            });
            client.addEventListener("statechange", () => client.state === "live" && document.documentElement.setAttribute("data-live", ""));
            client.open();
          });
          client.close();
          return found;
        },
        [topic, shared],
      );
      await page.waitForSelector("[data-live]", { state: "attached" });
      await publish(server, topic, "live");
      assert.deepEqual(await collected, ["2", "3", "live"].map((text) => ["message", text, topic, true]));
      await close();
    });
  }

  it("tells each client of a server that has lost its data, and gives what there is", async () => {
    const old = await Server.start();
    await publish(old, "before", "x");
    const { page, close } = await newPage(browser);
    await page.goto(`${old.url}/favicon.svg`);
    await page.evaluate(async () => {
      const { SseClient } = await import("/sse.js");
      window.seen = { a: [], b: [] };
      window.clients = Object.keys(window.seen).map((topic) => {
        const client = new SseClient("/events", { topics: [topic], minDelayMs: 50 });
        client.on("*", (event) => window.seen[topic].push(event.type === "gap" ? JSON.parse(event.data).reason : event.data));
        client.open();
        return client;
      });
    });
    await page.waitForFunction(() => window.clients.every((client) => client.state === "live"));
    await old.kill();
    const fresh = new Server([]);
    fresh.port = old.port;
    await fresh.start();
    await publish(fresh, "a", "for a");
    await publish(fresh, "b", "for b");
    await page.waitForFunction(() => window.seen.a.length >= 2 && window.seen.b.length >= 2);
    await publish(fresh, "a", "last");
    await page.waitForFunction(() => window.seen.a.includes("last"));
    assert.deepEqual(await page.evaluate(() => window.seen), { a: ["unknown-id", "for a", "last"], b: ["unknown-id", "for b"] });
    await close();
    await fresh.stop();
  });

  it("tells of a gap only those whose topics have lost something, though all share a stream", async () => {
    const settings = path.join(scratchFolder(), "settings.toml");
    writeFileSync(settings, '[[topic]]\npattern = "short"\nretain = { count = 3 }\n');
    const hub = await Server.start("--config", settings);
    const { page, close } = await newPage(browser);
    await page.goto(`${hub.url}/favicon.svg`);
    await page.evaluate(async () => {
      const { SseClient } = await import("/sse.js");
      window.seen = { short: [], calm: [] };
      window.clients = Object.keys(window.seen).map((topic) => {
        const client = new SseClient("/events", { topics: [topic], minDelayMs: 60_000, maxDelayMs: 60_000 });
        client.on("*", (event) => window.seen[topic].push(event.type === "gap" ? JSON.parse(event.data).reason : event.data));
        client.open();
        return client;
      });
    });
    await page.waitForFunction(() => window.clients.every((client) => client.state === "live"));
    await publish(hub, "short", "0");
    await page.waitForFunction(() => window.seen.short.length === 1);
    await hub.kill();
    await page.waitForFunction(() => window.clients.every((client) => client.retryInMs > 0));
    await hub.start();
    for (let n = 1; n <= 6; n += 1) await publish(hub, "short", String(n));
    await publish(hub, "calm", "kept");
    await page.evaluate(() => window.clients[0].retryNow());
    await page.waitForFunction(() => window.seen.short.length >= 5 && window.seen.calm.length >= 1);
    assert.deepEqual(await page.evaluate(() => window.seen), { short: ["0", "expired", "4", "5", "6"], calm: ["kept"] });
    await close();
    await hub.stop();
  });

  it("keeps samples in order, once, for an hour, with holes where some are missing", async () => {
    const { page, close } = await blank();
    const result = await page.evaluate(async () => {
      const { History, parseSample } = await import("/js/history.js");
      const history = new History();
      const add = (second, value) => history.add(parseSample(JSON.stringify({ time: new Date(second * 1000).toISOString(), interval: 2, cpuLoad: value })));
      const load = (seconds = 600) => history.columns(seconds, [(sample) => sample.cpuLoad]);
      const out = { taken: [add(1000, 1), add(1002, 2), add(1002, 9), add(1006, 3), add(1020, 4), add(1018, 9)], columns: load(), short: load(14) };
      for (let second = 1022; second <= 5000; second += 2) add(second, 0);
      out.size = history.size;
      out.back = [add(500, 5), history.size];
      out.bad = [parseSample("{}"), parseSample("nonsense")];
      return out;
    });
    assert.deepEqual(result.taken, [true, true, false, true, true, false]);
    assert.deepEqual(result.columns, [[1000, 1002, 1006, 1013, 1020], [1, 2, 3, null, 4]]);
    assert.deepEqual(result.short, [[1006, 1013, 1020], [3, null, 4]]);
    assert.equal(result.size, 1801);
    assert.deepEqual(result.back, [true, 1]);
    assert.deepEqual(result.bad, [null, null]);
    await close();
  });
});
