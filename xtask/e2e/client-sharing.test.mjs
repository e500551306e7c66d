// Many tabs of one browser, one connection: by SharedWorker, by a leader among the tabs, and what is left without either.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { DEADLINE_MS, forbid, launchBrowser, publish, Server, until } from "./harness.mjs";

const TABS = 20;

/** Publishes numbers from 1 on to a topic, one after the other, until it is stopped; gives how many. */
function publishing(server, topic) {
  let going = true;
  const done = (async () => {
    let n = 0;
    while (going) {
      n += 1;
      // A server that is away is asked again with the same key, so that each number is stored once.
      for (;;) {
        try {
          await publish(server, topic, String(n), { "Idempotency-Key": `${topic}:${n}` });
          break;
        } catch (error) {
          if (error instanceof assert.AssertionError) throw error;
          await new Promise((later) => setTimeout(later, 50));
        }
      }
    }
    return n;
  })();
  return () => {
    going = false;
    return done;
  };
}

/** Opens a client in a page; what it is given goes to `window.seen`. */
const openClient = (page, topics, options = {}) =>
  page.evaluate(
    async ([topics, options]) => {
      const { SseClient } = await import("/sse.js");
      window.seen = [];
      window.gaps = 0;
      window.client = new SseClient("/events", { topics, ...options });
      window.client.on("message", (event) => window.seen.push([event.topic, Number(event.data)]));
      window.client.on("gap", () => (window.gaps += 1));
      window.client.open();
    },
    [topics, options],
  );
const live = (page) => page.waitForFunction(() => window.client.state === "live", null, { timeout: DEADLINE_MS });
/** Waits for the last number, and gives all numbers of the topic. */
async function numbers(page, topic, last) {
  const reached = ([topic, last]) => window.seen.some(([from, n]) => from === topic && n === last);
  await page.waitForFunction(reached, [topic, last], { timeout: DEADLINE_MS });
  return page.evaluate((topic) => window.seen.filter(([from]) => from === topic).map(([, n]) => n), topic);
}
/** Every number from the first one seen to the last, once, in order. */
function assertComplete(seen, last, who) {
  const expected = Array.from({ length: last - seen[0] + 1 }, (_, i) => seen[0] + i);
  assert.deepEqual(seen, expected, who);
}

for (const [mode, forbidden, tabs, streams] of [
  ["by SharedWorker", [], TABS, 1],
  ["by a leader among the tabs", ["SharedWorker"], TABS, 1],
  ["each tab for itself", ["SharedWorker", "locks"], 3, 3],
]) {
  describe(`tabs share, ${mode}`, { timeout: 180_000 }, () => {
    let server;
    let browser;
    let context;
    before(async () => {
      server = await Server.start();
      browser = await launchBrowser();
    });
    after(async () => {
      await browser?.close();
      await server?.stop();
    });

    const problems = [];
    const openTab = async (address = "/favicon.svg") => {
      const page = await context.newPage();
      page.on("pageerror", (error) => problems.push(error.message));
      page.on("console", (message) => {
        if (message.type() === "error" && !message.text().includes("ERR_CONNECTION_REFUSED")) problems.push(message.text());
      });
      await forbid(page, ...forbidden);
      await page.goto(server.url + address);
      return page;
    };

    it(`${tabs} pages are live over ${streams} stream${streams > 1 ? "s" : ""}`, async (t) => {
      context = await browser.newContext();
      const pages = [];
      for (let n = 0; n < tabs; n += 1) pages.push(await openTab(n % 5 ? "/" : "/dashboard"));
      const isLive = () => document.querySelector(".connection-state")?.textContent === "Live";
      for (const page of pages) await page.waitForFunction(isLive, null, { timeout: DEADLINE_MS });
      await until(() => server.subscriptions === streams, () => `${server.subscriptions} streams`);
      await Promise.all(pages.filter((_, n) => n % 5 === 0).map((page) => page.waitForSelector("#chart-load .u-over")));
      t.diagnostic(`${server.subscriptionsOpened} streams were opened one after the other`);
      await context.close();
      await until(() => server.subscriptions === 0, () => `${server.subscriptions} streams are left`);
      assert.deepEqual(problems, []);
    });

    it("every tab gets every event of its topics once, also when tabs come and go", async () => {
      context = await browser.newContext();
      const stopShared = publishing(server, "shared/load");
      const stopOwn = publishing(server, "own/0");
      const opened = await Promise.all(Array.from({ length: tabs }, () => openTab()));
      // The first one leads, where one does.
      const open = (page, n) => openClient(page, n % 4 ? ["shared/*"] : ["shared/load", "own/0"]);
      await open(opened[0], 0);
      await live(opened[0]);
      await Promise.all(opened.map((page, n) => n > 0 && open(page, n)));
      await Promise.all(opened.map(live));
      await until(() => server.subscriptions === streams, () => `${server.subscriptions} streams`);
      // One tab goes by being closed, one by leaving the address.
      const [first, second, ...others] = opened;
      await first.close();
      await second.goto("about:blank");
      const late = await openTab();
      await openClient(late, ["shared/load"], { lastEventId: "earliest" });
      await live(late);
      await until(() => server.subscriptions === streams - (streams > 1 ? 1 : 0), () => `${server.subscriptions} streams after tabs have gone`);
      const [lastShared, lastOwn] = await Promise.all([stopShared(), stopOwn()]);
      const all = await numbers(late, "shared/load", lastShared);
      assert.equal(all[0], 1, "history from the start");
      assertComplete(all, lastShared, "the late tab");
      for (const [n, page] of others.entries()) {
        assertComplete(await numbers(page, "shared/load", lastShared), lastShared, `tab ${n + 2}`);
        const own = (n + 2) % 4 ? [] : await numbers(page, "own/0", lastOwn);
        if (own.length > 0) assertComplete(own, lastOwn, `tab ${n + 2}, its other topic`);
        assert.equal(await page.evaluate(() => window.seen.some(([topic]) => topic === "own/0")), own.length > 0, "only what was asked for");
        assert.equal(await page.evaluate(() => window.gaps), 0);
      }
      await context.close();
      assert.deepEqual(problems, []);
    });

    it("a killed server costs no event and doubles none", async () => {
      context = await browser.newContext();
      const pages = await Promise.all(Array.from({ length: 3 }, () => openTab()));
      await Promise.all(pages.map((page) => openClient(page, ["crash"], { minDelayMs: 50 })));
      await Promise.all(pages.map(live));
      const stop = publishing(server, "crash");
      for (const page of pages) await page.waitForFunction(() => window.seen.length > 5);
      await server.kill();
      for (const page of pages) await page.waitForFunction(() => window.client.state === "reconnecting");
      await server.start();
      await Promise.all(pages.map(live));
      const held = await pages[0].evaluate(() => window.seen.length);
      await pages[0].waitForFunction((n) => window.seen.length > n + 5, held);
      const last = await stop();
      for (const [n, page] of pages.entries()) {
        const seen = await numbers(page, "crash", last);
        assert.equal(seen[0], 1);
        assertComplete(seen, last, `tab ${n}`);
      }
      await context.close();
    });

    it("topics can be added and removed, and a refused one harms nobody else", async () => {
      context = await browser.newContext();
      const [page, other] = [await openTab(), await openTab()];
      await openClient(page, ["a"]);
      await openClient(other, ["a"]);
      await Promise.all([page, other].map(live));
      const send = async (topic, n) => publish(server, topic, String(n));
      await send("b", 1);
      await page.evaluate(() => {
        window.client.addTopic("b");
        window.client.addTopic("c/*");
      });
      // When the answer to the change is here is not seen; from some number on, b comes.
      let n = 1;
      await until(async () => {
        await send("b", (n += 1));
        return page.evaluate(() => window.seen.some(([topic]) => topic === "b"));
      }, "the added topic");
      const [[, start]] = await page.evaluate(() => window.seen);
      await send("c/d", 1);
      await send("a", 1);
      assert.deepEqual(await numbers(page, "a", 1), [1]);
      assert.deepEqual(await numbers(page, "c/d", 1), [1]);
      assertComplete(await numbers(page, "b", n), n, `b from ${start} on`);
      await page.evaluate(() => window.client.removeTopic("b"));
      await other.evaluate(() => window.client.addTopic("not a topic"));
      await other.waitForFunction(() => window.client.state === "closed");
      assert.match(await other.evaluate(() => window.client.problem), /^400 .*not a topic/);
      const before = (await page.evaluate(() => window.seen)).length;
      await send("a", 2);
      await numbers(page, "a", 2);
      await send("b", 1000);
      await send("a", 3);
      await numbers(page, "a", 3);
      assert.deepEqual((await page.evaluate(() => window.seen)).slice(before), [["a", 2], ["a", 3]]);
      await context.close();
    });
  });
}
