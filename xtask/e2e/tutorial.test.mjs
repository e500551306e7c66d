// The two pages of the tutorial that this project grew out of, unmodified, from a folder given to the server.

import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, receiveMore, Server, SUITE, textMatches } from "./harness.mjs";

describe("tutorial pages", SUITE, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start("--alerts", "on", "--web-dir", path.join(import.meta.dirname, "fixtures/tutorial"));
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it("dashboard shows its figures", async () => {
    const { page, problems, close } = await newPage(browser);
    await page.goto(`${server.url}/dashboard.html`);
    await textMatches(page, "#connection-status", /^Connected to system monitor$/);
    await textMatches(page, "#cpu-load", /^\d+\.\d\d$/);
    assert.match(await page.textContent("#free-memory"), /^\d+ MB$/);
    assert.match(await page.textContent("#uptime"), /^\d+ hours, \d+ minutes$/);
    assert.match(await page.textContent("#time"), /^Last updated: .*\d/);
    assert.deepEqual(problems, []);
    await close();
  });

  it("first page adds an element for each message and logs no error", async () => {
    const { page, problems, close } = await newPage(browser);
    await page.goto(server.url);
    await page.waitForFunction(() => window.received.message >= 1);
    await receiveMore(page, "message", 1);
    const counts = await page.evaluate(() => [document.querySelectorAll("#events > div").length, window.received.message]);
    assert.equal(counts[0], counts[1]);
    assert.equal(await page.locator("#events strong").count(), 0, "the page reported a lost connection");
    assert.deepEqual(problems, []);
    await close();
  });
});
