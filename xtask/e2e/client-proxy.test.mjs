// nginx in front: a proxy that holds streams back is found out and gone round by long-poll; one that does not is streamed through.

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { DEADLINE_MS, launchBrowser, newPage, publish, Server, textMatches, until } from "./harness.mjs";
import { Proxy } from "./proxy.mjs";

describe("behind a proxy", { timeout: 180_000 }, () => {
  let server;
  let browser;
  let proxy;
  before(async () => {
    server = await Server.start();
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  afterEach(async () => {
    await proxy?.stop();
    proxy = undefined;
  });

  const open = (page, options) =>
    page.evaluate(async (options) => {
      const { SseClient } = await import("/sse.js");
      window.seen = [];
      window.client = new SseClient("/events", { topics: ["proxied"], minDelayMs: 50, ...options });
      window.client.on("*", (event) => window.seen.push(`${event.type} ${event.data}`));
      window.client.open();
    }, options);
  const reaches = (page, state, transport) =>
    page.waitForFunction(([state, transport]) => window.client.state === state && window.client.transport === transport, [state, transport], {
      timeout: DEADLINE_MS,
    });
  const sees = (page, text) => page.waitForFunction((text) => window.seen.includes(text), text, { timeout: DEADLINE_MS });

  for (const shared of [true, false]) {
    it(`that buffers, and then no longer does: ${shared ? "shared" : "own"} connection`, async () => {
      proxy = await Proxy.start(server.url, { buffering: true });
      const { page, close } = await newPage(browser);
      await page.goto(`${proxy.url}/favicon.svg`);
      await open(page, { shared, firstByteMs: 1000, probeMs: 1000 });
      await reaches(page, "live", "poll");
      for (const n of [1, 2, 3]) {
        await publish(server, "proxied", `${shared} buffered ${n}`, { "Event-Type": "note" });
        await sees(page, `note ${shared} buffered ${n}`);
      }
      await server.kill();
      await page.waitForFunction(() => window.client.state === "reconnecting");
      await server.start();
      await publish(server, "proxied", `${shared} after a crash`);
      await sees(page, `message ${shared} after a crash`);

      proxy.reconfigure({ buffering: false });
      await reaches(page, "live", "stream");
      await publish(server, "proxied", `${shared} streamed`);
      await sees(page, `message ${shared} streamed`);
      assert.deepEqual(await page.evaluate(() => window.seen), [
        ...[1, 2, 3].map((n) => `note ${shared} buffered ${n}`),
        `message ${shared} after a crash`,
        `message ${shared} streamed`,
      ]);
      await close();
    });
  }

  it("pages work behind one that buffers", async () => {
    proxy = await Proxy.start(server.url, { buffering: true });
    for (const [address, ready] of [["/", "#events li"], ["/dashboard", "#chart-load .u-over"]]) {
      const { page, problems, close } = await newPage(browser);
      await page.goto(proxy.url + address);
      await page.waitForSelector(ready);
      await textMatches(page, ".connection-detail", /^by long-poll$/);
      await textMatches(page, ".connection-state", /^Live$/);
      assert.deepEqual(problems, []);
      await close();
    }
  });

  it("pages stream through one that does not", async () => {
    proxy = await Proxy.start(server.url, { buffering: false });
    const { page, problems, close } = await newPage(browser);
    await page.goto(`${proxy.url}/dashboard`);
    await textMatches(page, ".connection-state", /^Live$/);
    await until(() => server.subscriptions === 1, () => `${server.subscriptions} streams`);
    assert.equal(await page.textContent(".connection-detail"), "");
    assert.deepEqual(problems, []);
    await close();
  });
});
