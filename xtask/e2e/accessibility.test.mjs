// axe-core on every page, in both themes and in the states a visitor can bring it into: nothing serious, nothing critical.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, Server, SUITE, textMatches } from "./harness.mjs";

describe("accessibility", SUITE, () => {
  let server;
  let browser;
  let axe;
  before(async () => {
    axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    server = await Server.start();
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  const findings = async (page) => {
    await page.evaluate(axe);
    const { violations, passes } = await page.evaluate(() => window.axe.run());
    assert.ok(passes.length > 10, "axe checked next to nothing");
    return violations
      .filter(({ impact }) => impact === "serious" || impact === "critical")
      .map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
  };

  for (const colorScheme of ["light", "dark"]) {
    it(`home, ${colorScheme}`, async () => {
      const { page, close } = await newPage(browser, { colorScheme });
      await page.goto(server.url);
      await page.waitForSelector("#events li");
      assert.deepEqual(await findings(page), []);
      await close();
    });

    it(`dashboard, ${colorScheme}, also with a table and paused`, async () => {
      const { page, close } = await newPage(browser, { colorScheme });
      await page.goto(`${server.url}/dashboard`);
      await textMatches(page, "[data-figure=cpuLoad]", /^\d/);
      assert.deepEqual(await findings(page), []);
      await page.click("#chart-cpu button");
      await page.click("#pause");
      assert.deepEqual(await findings(page), []);
      await close();
    });
  }

  for (const colorScheme of ["light", "dark"]) {
    it(`inspector, ${colorScheme}, also with an event opened`, async () => {
      const { page, close } = await newPage(browser, { colorScheme });
      await page.goto(`${server.url}/inspect`);
      await page.waitForSelector("#events li");
      await page.click("#events summary");
      assert.deepEqual(await findings(page), []);
      await close();
    });

    it(`ticker, ${colorScheme}, also sorted, after a mistake and empty`, async () => {
      const { page, close } = await newPage(browser, { colorScheme });
      await page.goto(`${server.url}/ticker`);
      await page.waitForSelector("#rows tr[data-trend]:nth-child(6)");
      assert.deepEqual(await findings(page), []);
      await page.click("button[data-sort=change]");
      await page.fill("#symbol", "<b>");
      await page.press("#symbol", "Enter");
      assert.deepEqual(await findings(page), []);
      for (let rows = 6; rows > 0; rows -= 1) await page.click("#rows tr:first-child [aria-label^=Remove]");
      assert.deepEqual(await findings(page), []);
      await close();
    });
  }

  it("does not read prices out", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}/ticker`);
    const live = await page.locator("[aria-live], [role=status], [role=alert], [role=log]").evaluateAll((all) => all.map((e) => e.id || e.className));
    assert.deepEqual(live, ["connection-state", "said"]);
    await close();
  });

  it("speaks of the connection only", async () => {
    const { page, close } = await newPage(browser);
    for (const path of ["/", "/dashboard"]) {
      await page.goto(server.url + path);
      const live = await page.locator("[aria-live], [role=status], [role=alert], [role=log]").evaluateAll((all) => all.map((e) => e.className));
      assert.deepEqual(live, ["connection-state"]);
    }
    await close();
  });
});
