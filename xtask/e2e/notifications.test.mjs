// The notifications page as people use it: send, receive, filter, read, be told in the background.

import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import { launchBrowser, newPage, publish, Server, SUITE, textMatches } from "./harness.mjs";

const MARKUP = `<script>window.hacked = 1</script><img src=x onerror="window.hacked = 1">`;
const HOUR_MS = 3_600_000;

/** Takes the place of the system's notifications, and of the tab being in sight or not. */
function background() {
  window.popped = [];
  window.asked = 0;
  window.Notification = class {
    static permission = "default";
    static async requestPermission() {
      window.asked += 1;
      return (window.Notification.permission = "granted");
    }
    constructor(title, options) {
      window.popped.push({ title, body: options.body });
    }
  };
  let hidden = false;
  Object.defineProperty(document, "hidden", { get: () => hidden });
  window.setHidden = (value) => {
    hidden = value;
    document.dispatchEvent(new Event("visibilitychange"));
  };
}

describe("notifications", SUITE, () => {
  let server;
  let browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });
  // A server each, so that a list holds what its test has sent.
  beforeEach(async () => {
    await server?.stop();
    server = await Server.start();
  });

  const post = async (notification) => {
    const body = JSON.stringify({ category: "deploy", severity: "info", text: "", ...notification });
    const response = await fetch(`${server.url}/notifications`, { method: "POST", body });
    assert.equal(response.status, 200, await response.text());
  };
  const open = async (options = {}, script = undefined) => {
    const opened = await newPage(browser, options);
    if (script) await opened.page.addInitScript(script);
    await opened.page.goto(`${server.url}/notifications`);
    await textMatches(opened.page, ".connection-state", /^Live$/);
    return opened;
  };
  /** A second tab of the same browser. */
  const anotherTab = async (page) => {
    const tab = await page.context().newPage();
    await tab.goto(`${server.url}/notifications`);
    await textMatches(tab, ".connection-state", /^Live$/);
    return tab;
  };
  const titles = (page) => page.locator(".notice:not([hidden]) .notice-title").allTextContents();
  /** Waits until exactly these are shown, newest first. */
  const shows = async (page, expected) => {
    const same = (expected) => {
      const found = [...document.querySelectorAll(".notice:not([hidden]) .notice-title")].map((title) => title.textContent);
      return JSON.stringify(found) === JSON.stringify(expected);
    };
    await page.waitForFunction(same, expected).catch(async () => assert.deepEqual(await titles(page), expected));
  };
  const pageTitle = (page, pattern) => page.waitForFunction((source) => new RegExp(source).test(document.title), pattern.source);
  const row = (page, title) => page.locator(".notice", { has: page.getByText(title, { exact: true }) });

  it("what one person sends, two others see at once, with the history before it", async () => {
    await post({ title: "earlier" });
    const [one, two] = [await open(), await open()];
    await one.page.fill("#category", "sales");
    await one.page.selectOption("#severity", "success");
    await one.page.fill("#title", "Order 12");
    await one.page.fill("#text", "first line\nsecond line");
    await one.page.click("#composer [type=submit]");
    await textMatches(one.page, "#sent", /^Sent$/);
    for (const { page } of [one, two]) {
      await shows(page, ["Order 12", "earlier"]);
      assert.equal(await row(page, "Order 12").locator(".notice-text").textContent(), "first line\nsecond line");
      assert.equal(await row(page, "Order 12").locator(".notice-severity").textContent(), "Success");
      assert.equal(await row(page, "Order 12").locator(".notice-category").textContent(), "sales");
      await pageTitle(page, /^\(2\) Notifications/);
    }
    assert.equal(await one.page.inputValue("#title"), "");
    for (const { problems, close } of [one, two]) {
      assert.deepEqual(problems, []);
      await close();
    }
  });

  it("what the server refuses is said at the field", async () => {
    const { page, close } = await open();
    await page.fill("#category", "Not A Word");
    await page.click("#composer [type=submit]");
    await textMatches(page, "#category-error", /^category is one word of 1 to 32 lower-case letters/);
    assert.equal(await page.getAttribute("#category", "aria-invalid"), "true");
    assert.equal(await page.evaluate(() => document.activeElement.id), "category");
    await page.fill("#category", "deploy");
    assert.equal(await page.locator("#category-error").isVisible(), false);
    await page.click("#composer [type=submit]");
    await textMatches(page, "#title-error", /^title cannot be empty/);
    await page.fill("#title", "x".repeat(121));
    await page.keyboard.press("Enter");
    await textMatches(page, "#title-error", /at most 120 characters, this one has 121/);
    await page.fill("#title", "at last");
    await page.keyboard.press("Enter");
    await shows(page, ["at last"]);
    assert.equal(await page.locator("[aria-invalid]").count(), 0);
    await close();
  });

  it("an answer that is lost makes no double", async () => {
    const { page, close } = await open();
    let lost = 0;
    await page.route("**/notifications", async (route) => {
      if (route.request().method() !== "POST" || lost > 0) return route.continue();
      lost += 1;
      await route.fetch();
      return route.abort();
    });
    await page.fill("#title", "only once");
    await page.click("#composer [type=submit]");
    await textMatches(page, "#sent", /did not answer/);
    await page.click("#composer [type=submit]");
    await textMatches(page, "#sent", /^Sent$/);
    await post({ title: "last" });
    await shows(page, ["last", "only once"]);
    await close();
  });

  it("markup is text in every field, and what is no notification is counted", async () => {
    await post({ title: MARKUP, text: MARKUP });
    const raw = { category: MARKUP, severity: "info", title: `raw ${MARKUP}`, text: MARKUP, time: new Date().toISOString() };
    await server.asBareHub(async () => {
      for (const data of [raw, { ...raw, severity: MARKUP }, { ...raw, title: 7 }, { ...raw, time: MARKUP }, [], null]) {
        await publish(server, "notifications", JSON.stringify(data), { "Event-Type": "notification" });
      }
      await publish(server, "notifications", MARKUP);
    });
    const { page, problems, close } = await open();
    await shows(page, [`raw ${MARKUP}`, MARKUP]);
    assert.equal(await row(page, `raw ${MARKUP}`).locator(".notice-category").textContent(), MARKUP.slice(0, 32));
    assert.equal(await page.locator("[data-categories] label").first().textContent(), MARKUP.slice(0, 32));
    await textMatches(page, "#unreadable", /^6 on this topic that are not notifications/);
    await page.fill("#words", `${MARKUP}, (`);
    await shows(page, []);
    await page.click("#reveal");
    assert.match(await page.locator(".notice-why").first().textContent(), /<img src=x/);
    assert.equal(await page.evaluate(() => window.hacked), undefined);
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.deepEqual(problems, []);
    await close();
  });

  it("preferences filter here only, say what they hide, and survive a reload", async () => {
    await post({ title: "build 1", category: "deploy" });
    await post({ title: "login from afar", category: "security", severity: "warning" });
    await post({ title: "a test of the latest", category: "sales", severity: "critical" });
    await post({ title: "latest figures", category: "sales", severity: "warning" });
    const { page, close } = await open();
    const other = await open();
    const tab = await anotherTab(page);
    await textMatches(page, "#hidden-count", /: 0$/);
    await page.locator("[data-categories] label", { hasText: "security" }).click();
    for (const each of [page, tab]) await shows(each, ["latest figures", "a test of the latest", "build 1"]);
    await page.fill("#words", "TEST, other words");
    for (const each of [page, tab]) await shows(each, ["latest figures", "build 1"]);
    await page.selectOption("#least", "warning");
    for (const each of [page, tab]) await shows(each, ["latest figures"]);
    await textMatches(page, "#hidden-count", /^Hidden by your preferences: 3$/);
    assert.deepEqual((await page.textContent("#hidden-why")).slice(1, -1).split(", ").sort(), ["1 by category", "1 by muted words", "1 by severity"]);
    await pageTitle(page, /^\(1\) /);
    assert.equal(await tab.inputValue("#words"), "TEST, other words");
    await shows(other.page, ["latest figures", "a test of the latest", "login from afar", "build 1"]);
    await page.reload();
    await shows(page, ["latest figures"]);
    assert.equal(await page.inputValue("#least"), "warning");
    assert.equal(await page.locator("[data-categories] label", { hasText: "security" }).locator("input").isChecked(), false);
    await page.click("#reveal");
    await shows(page, ["latest figures", "a test of the latest", "login from afar", "build 1"]);
    assert.equal(await row(page, "build 1").locator(".notice-why").textContent(), "Hidden by your preferences: below warning");
    await page.click("#reveal");
    await page.click("#preferences [type=reset]");
    await shows(page, ["latest figures", "a test of the latest", "login from afar", "build 1"]);
    await close();
    await other.close();
  });

  it("quiet hours hold back what comes in them until they are over, but not what is critical", async () => {
    await post({ title: "before" });
    const { page, close } = await newPage(browser, { timezoneId: "UTC" });
    await page.clock.install({ time: new Date() });
    await page.goto(`${server.url}/notifications`);
    await shows(page, ["before"]);
    const clock = (ms) => new Date(ms).toISOString().slice(11, 16);
    // The hours began with this minute, and the server's clock is the real one: what it sends now is in them.
    await page.clock.setFixedTime(new Date());
    await page.fill("[name=from]", clock(Date.now()));
    await page.fill("[name=to]", clock(Date.now() + HOUR_MS));
    await page.check("[name=quiet]");
    await post({ title: "in the night" });
    await post({ title: "on fire", severity: "critical" });
    await page.clock.runFor(1_000);
    await page.waitForFunction(() => document.querySelectorAll(".notice").length === 3);
    assert.ok((await titles(page)).includes("on fire") && !(await titles(page)).includes("in the night"));
    await textMatches(page, "#hidden-why", /by quiet hours/);
    await page.clock.setFixedTime(new Date(Date.now() + 2 * HOUR_MS));
    await page.clock.runFor(20_000);
    await shows(page, ["on fire", "in the night", "before"]);
    await textMatches(page, "#hidden-count", /: 0$/);
    await close();
  });

  it("quiet hours reach over midnight", async () => {
    const { page, close } = await newPage(browser, { timezoneId: "UTC" });
    await page.goto(`${server.url}/favicon.svg`);
    const since = await page.evaluate(async () => {
      const { quietSince } = await import("/js/notifications/quiet-hours.js");
      const at = (from, to, now, on = true) => quietSince({ on, from, to }, new Date(`2026-03-01T${now}:00Z`))?.toISOString() ?? null;
      return [
        at("22:00", "07:00", "21:59"),
        at("22:00", "07:00", "22:00"),
        at("22:00", "07:00", "06:59"),
        at("22:00", "07:00", "07:00"),
        at("12:00", "13:30", "13:29"),
        at("12:00", "13:30", "13:30"),
        at("12:00", "12:00", "12:00"),
        at("12:00", "13:00", "12:30", false),
      ];
    });
    const night = "2026-02-28T22:00:00.000Z";
    assert.deepEqual(since, [null, "2026-03-01T22:00:00.000Z", night, null, "2026-03-01T12:00:00.000Z", null, null, null]);
    await close();
  });

  it("muted words are whole words, in any case, and may have any characters", async () => {
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}/favicon.svg`);
    const muted = await page.evaluate(async () => {
      const { hiddenBecause, preferences, wordsFrom } = await import("/js/notifications/preferences.js");
      const hides = (words, title) => {
        const wanted = { ...preferences.value, words: wordsFrom(words) };
        const notification = { id: "e-1", category: "a", severity: "info", title, text: "", time: new Date(), source: "api" };
        return hiddenBecause(notification, wanted, new Date())?.words ?? null;
      };
      return [
        hides("test", "the latest"),
        hides("test", "A TEST!"),
        hides("größe", "Neue GRÖSSE, neue Größe"),
        hides("über", "drüber"),
        hides("log-in, \n (a|b)*", "second log-in"),
        hides("(a|b)*, c++ [x] $1/{2}^\\", "in c++ [x] $1/{2}^\\ today"),
        hides(" , ,\n", "anything"),
        hides("two words", "Two words together"),
      ];
    });
    assert.deepEqual(muted.map((words) => words !== null), [false, true, true, false, true, true, false, true]);
    await close();
  });

  it("what is read in one tab is read in all, and after a reload", async () => {
    for (const title of ["one", "two", "three"]) await post({ title });
    const { page, close } = await open();
    const tab = await anotherTab(page);
    await pageTitle(page, /^\(3\) /);
    await row(page, "two").getByRole("button", { name: /^Mark read *: two$/ }).click();
    for (const each of [page, tab]) await pageTitle(each, /^\(2\) /);
    await row(tab, "two").getByRole("button", { name: /^Mark unread *: two$/ }).click();
    for (const each of [page, tab]) await pageTitle(each, /^\(3\) /);
    await tab.click("#mark-all");
    for (const each of [page, tab]) {
      await pageTitle(each, /^Notifications/);
      await textMatches(each, "#unread", /^Nothing unread$/);
    }
    await page.reload();
    await shows(page, ["three", "two", "one"]);
    await pageTitle(page, /^Notifications/);
    await post({ title: "four" });
    for (const each of [page, tab]) await pageTitle(each, /^\(1\) /);
    await close();
  });

  it("browser notifications: asked for on a click, shown in the background, once, and only what is wanted", async () => {
    await post({ title: "history" });
    const { page, problems, close } = await open({}, background);
    await shows(page, ["history"]);
    assert.equal(await page.evaluate(() => window.asked), 0);
    await page.click("[data-desktop]");
    await textMatches(page, "[data-desktop-note]", /^On/);
    assert.equal(await page.evaluate(() => window.asked), 1);
    await page.fill("#words", "boring");
    await post({ title: "in sight" });
    await shows(page, ["in sight", "history"]);
    await page.evaluate(() => window.setHidden(true));
    await post({ title: "boring thing" });
    await post({ title: "in the background", text: MARKUP, severity: "warning" });
    await page.waitForFunction(() => window.popped.length > 0);
    await pageTitle(page, /^\(3\) /);
    await page.evaluate(() => window.setHidden(false));
    await post({ title: "in sight again" });
    await pageTitle(page, /^\(4\) /);
    await textMatches(page, "#news", /^New notification, info: in sight again$/);
    assert.deepEqual(await page.evaluate(() => window.popped), [{ title: "in the background", body: `warning · deploy\n${MARKUP}` }]);
    await page.click("[data-desktop]");
    await textMatches(page, "[data-desktop-note]", /^Off/);
    assert.deepEqual(problems, []);
    await close();
  });

  it("a restart of the server loses and doubles nothing", async () => {
    const { page, close } = await open();
    await post({ title: "before" });
    await shows(page, ["before"]);
    await server.stop();
    await textMatches(page, ".connection-state", /^Reconnecting$/);
    await server.start();
    await post({ title: "while away" });
    await page.click("#connection button").catch(() => {});
    await textMatches(page, ".connection-state", /^Live$/);
    await post({ title: "after" });
    await shows(page, ["after", "while away", "before"]);
    assert.equal(await page.locator("#gap").isVisible(), false);
    await close();
  });

  it("the server's own come without being asked for", async () => {
    const alerting = await Server.start("--alerts", "on");
    const { page, close } = await newPage(browser);
    await page.goto(`${alerting.url}/notifications`);
    await shows(page, ["Server started"]);
    assert.equal(await row(page, "Server started").locator(".notice-source").textContent(), "from this server");
    await close();
    await alerting.stop();
  });

  it("a long list grows by a button", async () => {
    for (let n = 1; n <= 30; n += 1) await post({ title: `number ${n}` });
    const { page, close } = await open();
    await textMatches(page, "#more", /^Show more \(10\)$/);
    assert.equal((await titles(page)).length, 20);
    await pageTitle(page, /^\(30\) /);
    await page.click("#more");
    await page.waitForFunction(() => document.querySelectorAll(".notice:not([hidden])").length === 30);
    assert.equal(await page.locator("#more").isVisible(), false);
    await close();
  });

  it("fits a phone, and nothing jumps when the history arrives", async () => {
    for (const severity of ["info", "success", "warning", "critical"]) await post({ title: "t".repeat(120), severity, category: severity, text: "words and words ".repeat(60) });
    for (const width of [1440, 390, 320]) {
      const { page, close } = await open({ viewport: { width, height: 844 } });
      await page.waitForSelector(".notice:nth-child(4)");
      const [shift, wide] = await page.evaluate(() => [window.shift, document.documentElement.scrollWidth]);
      assert.ok(shift < 0.05, `${width}: layout shift ${shift}`);
      assert.ok(wide <= width, `${width}: the page is ${wide} wide`);
      await close();
    }
  });

  it("works by keyboard alone", async () => {
    const { page, close } = await open();
    const tabTo = async (id) => {
      for (let n = 0; n < 60; n += 1) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((id) => document.activeElement?.id === id, id)) return;
      }
      assert.fail(`Tab does not lead to #${id}`);
    };
    await tabTo("title");
    await page.keyboard.type("typed");
    await page.keyboard.press("Enter");
    await shows(page, ["typed"]);
    await pageTitle(page, /^\(1\) /);
    await page.evaluate(() => document.activeElement.blur());
    await tabTo("mark-all");
    await page.keyboard.press("Space");
    await pageTitle(page, /^Notifications/);
    await tabTo("least");
    await page.keyboard.press("End");
    await shows(page, []);
    await close();
  });
});
