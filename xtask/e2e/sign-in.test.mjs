// The header's sign-in, against a server with `[auth]`.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { DEADLINE_MS, Server, SUITE, forbid, launchBrowser, newPage, publish, scratchFolder, textMatches, until } from "./harness.mjs";
import { auth, tokenOf } from "./tokens.mjs";

describe("sign-in", SUITE, () => {
  let server, browser;

  before(async () => {
    const settings = path.join(scratchFolder(), "hub.toml");
    writeFileSync(settings, auth());
    [server, browser] = await Promise.all([Server.start("--config", settings), launchBrowser()]);
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it("lets a person with a token into the chat, and out again", async () => {
    const { page } = await newPage(browser);
    await page.goto(`${server.url}/chat`);
    await textMatches(page, ".connection-state", /Refused/);
    await page.fill("#token", "nonsense");
    await page.click("#sign-in button");
    await textMatches(page, "#sign-in-problem", /\S/);
    const chat = { subscribe: ["chat/*"], publish: ["chat/*"] };
    await page.fill("#token", tokenOf("Ann", chat));
    await page.click("#sign-in button");
    await textMatches(page, "#subject", /Ann/);
    await textMatches(page, ".connection-state", /Live/);
    assert.equal(await page.isVisible("#sign-in"), false);
    // The name of the token is the only one that the chat takes.
    await textMatches(page, "#own-name", /^Ann$/);
    assert.equal(await page.isVisible("#change-name"), false);
    await page.click("#sign-out");
    await page.waitForSelector("#sign-in:not([hidden])", { timeout: DEADLINE_MS });
    await textMatches(page, ".connection-state", /Refused/);
  });

  for (const [mode, forbidden] of [["by SharedWorker", []], ["by a leader among the tabs", ["SharedWorker"]]]) {
    it(`gives nobody who signs in in a second tab what is for the first, shared ${mode}`, async () => {
      const context = await browser.newContext();
      const openTab = async (name) => {
        const page = await context.newPage();
        await forbid(page, ...forbidden);
        await page.goto(`${server.url}/favicon.svg`);
        await page.evaluate((body) => fetch("/session", { method: "POST", body }), tokenOf(name, { subscribe: [`${name}/*`, "all"] }));
        await page.evaluate(async () => {
          const { SseClient } = await import("/sse.js");
          window.seen = [];
          window.client = new SseClient("/events", { minDelayMs: 50 });
          window.client.on("message", ({ topic, data }) => window.seen.push(`${topic} ${data}`));
          window.client.open();
        });
        await page.waitForFunction(() => window.client.state === "live", null, { timeout: DEADLINE_MS });
        return page;
      };
      const admin = { Authorization: `Bearer ${tokenOf("admin", { publish: ["*"] })}` };
      const publishTo = async (data, ...topics) => {
        for (const topic of topics) await publish(server, topic, data, admin);
      };
      const seen = async (page, data) => {
        await page.waitForFunction((last) => window.seen.includes(last), `all ${data}`, { timeout: DEADLINE_MS });
        return page.evaluate(() => window.seen);
      };
      const ann = await openTab("ann");
      // Of the same page and signed in as the same: on the same connection.
      const alsoAnn = await openTab("ann");
      assert.equal(server.subscriptions, 1);
      const bob = await openTab("bob");
      await until(() => server.subscriptions === 2, () => `${server.subscriptions} streams`);
      await publishTo(1, "ann/1", "bob/1", "all");
      for (const page of [ann, alsoAnn]) assert.deepEqual(await seen(page, 1), ["ann/1 1", "all 1"]);
      assert.deepEqual(await seen(bob, 1), ["bob/1 1", "all 1"]);
      // The cookie is Bob's now: the connection of the first tabs does not come back as his.
      await server.stop();
      await server.start();
      await publishTo(2, "ann/1", "bob/1", "all");
      for (const page of [ann, alsoAnn]) assert.deepEqual(await seen(page, 2), ["ann/1 1", "all 1", "bob/1 2", "all 2"]);
      assert.deepEqual(await seen(bob, 2), ["bob/1 1", "all 1", "bob/1 2", "all 2"]);
      await until(() => server.subscriptions === 1, () => `${server.subscriptions} streams`);
      await bob.evaluate(() => fetch("/session", { method: "DELETE" }));
      for (const page of [ann, alsoAnn, bob]) {
        await page.waitForFunction(() => window.client.state === "closed", null, { timeout: DEADLINE_MS });
        assert.match(await page.evaluate(() => window.client.problem), /^401 /);
      }
      await until(() => server.subscriptions === 0, () => `${server.subscriptions} streams`);
      await context.close();
    });
  }
});
