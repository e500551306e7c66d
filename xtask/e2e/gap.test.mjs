// A native EventSource is told of every loss, and of nothing else.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, publish, scratchFolder, Server, SUITE } from "./harness.mjs";

const SETTINGS = `
[[topic]]
pattern = "short/*"
retain = { count = 3 }
slow_reader = "skip"
`;

describe("gap", SUITE, () => {
  let server;
  let browser;
  let page;
  before(async () => {
    const settings = path.join(scratchFolder(), "settings.toml");
    writeFileSync(settings, SETTINGS);
    server = await Server.start("--config", settings);
    browser = await launchBrowser();
    ({ page } = await newPage(browser));
    // Any page of this origin that opens no stream of its own.
    await page.goto(`${server.url}/favicon.svg`);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** Opens a native EventSource whose events go to `window.seen[name]`; it is subscribed once this resolves. */
  const open = (name, url) =>
    page.evaluate(
      ([name, url]) => {
        window.seen ??= {};
        const seen = (window.seen[name] = []);
        const source = new EventSource(url);
        for (const type of ["message", "gap", "metrics"]) {
          source.addEventListener(type, (event) => {
            seen.push({ type, data: event.data.slice(0, 200), id: event.lastEventId });
          });
        }
        return new Promise((resolve) => source.addEventListener("open", () => resolve()));
      },
      [name, url],
    );
  /** Waits for an event that has this type and this text in its data; gives all so far but the greetings. */
  const until = async (name, type, text) => {
    const found = ([name, type, text]) =>
      window.seen[name].some((event) => event.type === type && event.data.includes(text));
    await page.waitForFunction(found, [name, type, text]);
    const seen = await page.evaluate((name) => window.seen[name], name);
    return seen.filter((event) => !event.data.includes("Connected to event stream"));
  };

  it("is told for an id of another epoch", async () => {
    const kept = await publish(server, "other", "kept");
    await open("epoch", "/events?topic=other&last_event_id=0123456789ab-5");
    const [gap, event] = await until("epoch", "message", "kept");
    assert.equal(gap.type, "gap");
    assert.deepEqual(JSON.parse(gap.data), { requested: "0123456789ab-5", first: kept, reason: "unknown-id" });
    assert.equal(event.id, kept);
  });

  it("is told for a cursor that has expired", async () => {
    const ids = [];
    for (let n = 0; n < 8; n += 1) ids.push(await publish(server, "short/expired", `event ${n}`));
    await open("expired", `/events?topic=short/expired&last_event_id=${ids[1]}`);
    const seen = await until("expired", "message", "event 7");
    assert.deepEqual(JSON.parse(seen[0].data), { requested: ids[1], first: ids[5], reason: "expired" });
    assert.deepEqual(seen.slice(1).map((event) => event.id), ids.slice(5));
  });

  it("is told to a reader that is too slow for its topic", async () => {
    await open("slow", "/events?topic=short/slow");
    await publish(server, "short/slow", "before");
    await until("slow", "message", "before");
    const blocked = page.evaluate(() => {
      const end = performance.now() + 6_000;
      while (performance.now() < end);
    });
    // More than all the buffers between the hub and a page that does not read.
    const big = "x".repeat(200_000);
    for (let n = 0; n < 200; n += 1) await publish(server, "short/slow", `${n} ${big}`);
    await blocked;
    const seen = await until("slow", "message", "199 ");
    const gaps = seen.filter((event) => event.type === "gap");
    assert.ok(gaps.length >= 1, "the reader was not told");
    assert.equal(JSON.parse(gaps[0].data).reason, "slow");
    const numbers = seen.filter((event) => event.type === "message").map((event) => parseInt(event.data, 10));
    assert.deepEqual(numbers.slice(-3), [197, 198, 199]);
    assert.equal(new Set(numbers).size, numbers.length, "an event came twice");
  });

  it("is not told after a plain restart", async () => {
    await open("all", "/events");
    await open("one", "/events?topic=other");
    await until("all", "metrics", "cpuLoad");
    await publish(server, "other", "before the restart");
    await until("all", "message", "before the restart");
    await until("one", "message", "before the restart");
    await server.stop();
    await server.start();
    await publish(server, "other", "after the restart");
    for (const name of ["all", "one"]) {
      const seen = await until(name, "message", "after the restart");
      assert.deepEqual(seen.filter((event) => event.type === "gap"), [], name);
      for (const text of ["before the restart", "after the restart"]) {
        assert.equal(seen.filter((event) => event.data === text).length, 1, `${name}: ${text}`);
      }
    }
  });
});
