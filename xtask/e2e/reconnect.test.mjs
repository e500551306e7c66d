// The server goes away and comes back while the dashboard is open.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, receiveMore, Server, textMatches } from "./harness.mjs";

describe("server restart", { timeout: 60_000 }, () => {
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

  it("is counted down, survived without help, and costs no earlier sample", async () => {
    const { page, close } = await newPage(browser);
    const exceptions = [];
    page.on("pageerror", (error) => exceptions.push(error.message));
    const times = () => page.locator("#chart-load tbody th").allTextContents();
    await page.goto(`${server.url}/dashboard`);
    await page.click("#chart-load button");
    await receiveMore(page, "metrics", 2);
    await page.waitForFunction(() => document.querySelectorAll("#chart-load tbody tr").length >= 2);
    const before = await times();

    await server.stop();
    await textMatches(page, ".connection-state", /^Reconnecting$/);
    await textMatches(page, ".connection-detail", /^in \d+ s$/);
    // From the second failure on there are two seconds to be seen going by.
    await textMatches(page, ".connection-detail", /^in 2 s$/);
    await textMatches(page, ".connection-detail", /^in 1 s$/);
    assert.equal(await page.locator(".connection button").isVisible(), true);

    await server.start();
    const began = performance.now();
    const held = await page.evaluate(() => window.received.metrics);
    await textMatches(page, ".connection-state", /^Live$/, 5_000);
    await page.waitForFunction((n) => window.received.metrics > n, held, { timeout: 5_000 - (performance.now() - began) });
    assert.equal(await page.locator(".connection button").isVisible(), false);
    await page.waitForFunction((text) => document.querySelector("#chart-load tbody th")?.textContent !== text, before[0], { timeout: 5_000 });
    const now = await times();
    const start = now.indexOf(before[0]);
    assert.ok(start >= 1, `${before[0]} is gone, or nothing came after it: ${now}`);
    assert.deepEqual(now.slice(start), before.slice(0, now.length - start));
    assert.deepEqual(exceptions, []);
    await close();
  });

  it("can be retried by hand", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}/dashboard`);
    await textMatches(page, ".connection-state", /^Live$/);
    await server.stop();
    // Wait for a pause that is long enough to be cut short.
    await textMatches(page, ".connection-detail", /^in [3-8] s$/, 15_000);
    await server.start();
    await page.click(".connection button");
    await textMatches(page, ".connection-state", /^Live$/, 1_500);
    await close();
  });
});
