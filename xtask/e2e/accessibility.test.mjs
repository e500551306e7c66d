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

  for (const colorScheme of ["light", "dark"]) {
    it(`notifications, ${colorScheme}, with hidden ones shown and a mistake in the form`, async () => {
      const send = (notification) => fetch(`${server.url}/notifications`, { method: "POST", body: JSON.stringify({ severity: "info", text: "", ...notification }) });
      for (const severity of ["info", "success", "warning", "critical"]) await send({ title: `${severity}, ${colorScheme}`, category: "deploy", severity, text: "line\n".repeat(30) });
      await send({ title: "muted", category: "sales" });
      const { page, close } = await newPage(browser, { colorScheme });
      await page.goto(`${server.url}/notifications`);
      await page.waitForSelector(".notice:nth-child(5)");
      await page.locator("[data-categories] label", { hasText: "sales" }).click();
      await page.click("#reveal");
      await page.locator(".notice", { hasText: `info, ${colorScheme}` }).getByRole("button", { name: "Mark read" }).click();
      await page.fill("#category", "No");
      await page.click("#composer [type=submit]");
      await page.waitForSelector("#category-error:not([hidden])");
      assert.deepEqual(await findings(page), []);
      await close();
    });

    for (const [where, size] of [["wide", {}], ["on a phone", { viewport: { width: 390, height: 844 }, hasTouch: true }]]) {
      it(`chat, ${colorScheme}, ${where}, before and after entering, with a message that waits`, async () => {
        const room = `room-${colorScheme}-${size.hasTouch ?? false}`;
        await fetch(`${server.url}/chat/messages`, { method: "POST", body: JSON.stringify({ room, username: "Bob", text: "hello" }) });
        const { page, problems, close } = await newPage(browser, { colorScheme, ...size });
        await page.goto(`${server.url}/chat?room=${room}`);
        await page.waitForSelector("#messages .message");
        assert.deepEqual(await findings(page), []);
        await page.fill("#name", "Ann");
        await page.keyboard.press("Enter");
        await textMatches(page, "#people", /Ann/);
        await page.waitForSelector("#log[aria-live=polite]");
        await page.route("**/chat/messages", (route) => route.abort());
        await page.fill("#text", "waits");
        await page.keyboard.press("Enter");
        await textMatches(page, "#unsent", /waiting for the connection/);
        assert.deepEqual(await findings(page), []);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "something sticks out");
        await page.click("#unsent >> text=Discard");
        await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), true, "something sticks out at twice the size");
        assert.deepEqual(problems.filter((problem) => !problem.includes("ERR_FAILED")), []);
        await close();
      });
    }
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
