// The server goes away and comes back while the dashboard is open.

import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, receiveMore, Server, SUITE, textMatches } from "./harness.mjs";

describe("server restart", SUITE, () => {
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

  /** How long it takes from the end of an act until the page says that it is live, on the page's own clock. */
  const liveAfter = async (page, act) => {
    await page.evaluate(() => {
      const state = document.querySelector(".connection-state");
      window.live = new Promise((done) => {
        const look = () => state.textContent === "Live" && done(performance.now());
        new MutationObserver(look).observe(state, { subtree: true, childList: true, characterData: true });
      });
    });
    await act();
    const acted = await page.evaluate(() => performance.now());
    return (await page.evaluate(() => window.live)) - acted;
  };

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

    const back = await liveAfter(page, () => server.start());
    assert.ok(back < 5_000, `live again after ${back} ms`);
    assert.equal(await page.locator(".connection button").isVisible(), false);
    await page.waitForFunction((text) => document.querySelector("#chart-load tbody th")?.textContent !== text, before[0]);
    const now = await times();
    // Two samples can be of one second.
    const follows = (_, nth) => nth >= 1 && isDeepStrictEqual(now.slice(nth), before.slice(0, now.length - nth));
    assert.ok(now.findIndex(follows) >= 1, `after ${before}: ${now}`);
    assert.deepEqual(exceptions, []);
    await close();
  });

  it("can be retried by hand", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}/dashboard`);
    await textMatches(page, ".connection-state", /^Live$/);
    await server.stop();
    // Wait for a pause that is long enough to be cut short.
    await textMatches(page, ".connection-detail", /^in [3-8] s$/);
    await server.start();
    const back = await liveAfter(page, () => page.click(".connection button"));
    assert.ok(back < 1_500, `live again after ${back} ms`);
    await close();
  });
});
