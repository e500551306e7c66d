// The chat's layout: nothing leaves its card, not even the longest message without a place to break it, and comings and goings
// of one person share a line.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, publish, Server, SUITE, textMatches } from "./harness.mjs";

const LONGEST = "w".repeat(2000);

describe("chat layout", SUITE, () => {
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

  /** Parts of the conversation that reach past their card, or scroll sideways. */
  const overflowing = (page) =>
    page.evaluate(() => {
      const card = document.querySelector(".talk").getBoundingClientRect();
      const parts = [...document.querySelectorAll(".talk *")].filter((part) => part.checkVisibility() && !part.matches(".visually-hidden, .visually-hidden *"));
      const outside = parts.filter((part) => {
        const { left, right } = part.getBoundingClientRect();
        return left < card.left - 0.5 || right > card.right + 0.5;
      });
      const scrolling = [document.documentElement, ...parts].filter((part) => part.scrollWidth > part.clientWidth + 1 && part.clientWidth > 0 && getComputedStyle(part).display !== "inline");
      return [...outside, ...scrolling].map((part) => `${part.tagName} .${part.className} #${part.id}`);
    });

  for (const [width, height] of [[390, 844], [1440, 900]]) {
    it(`keeps 2,000 characters without a space inside the card, ${width} px`, async () => {
      const { page, close } = await newPage(browser, { viewport: { width, height } });
      await page.goto(`${server.url}/chat?room=wide-${width}`);
      await textMatches(page, ".connection-state", /^Live$/);
      await page.fill("#name", "W".repeat(32));
      await page.keyboard.press("Enter");
      await page.waitForSelector("#write", { state: "visible" });
      await page.fill("#text", LONGEST);
      assert.deepEqual(await overflowing(page), [], "while it is written");
      assert.ok(await page.locator("#write button").isVisible());
      await page.keyboard.press("Enter");
      await textMatches(page, "#messages .message-text", /^w{2000}$/);
      assert.deepEqual(await overflowing(page), [], "once it is sent");
      await close();
    });
  }

  it("folds the comings and goings of one person in a row", async () => {
    await server.asBareHub(async () => {
      for (const [username, type] of [["Ann", "Connected"], ["Ann", "Disconnected"], ["Bob", "Connected"], ["Ann", "Connected"], ["Ann", "Disconnected"]]) {
        await publish(server, "chat/folded", JSON.stringify({ username }), { "Event-Type": `user${type}` });
      }
    });
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}/chat?room=folded`);
    await textMatches(page, "#messages", /Ann leftBob joinedAnn left$/);
    assert.equal(await page.locator("#messages .note").count(), 3);
    await close();
  });
});
