// The home page as a visitor sees it: figures, newest topics, arriving events; with all applications, with some and with none.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fakeStream, launchBrowser, newPage, publish, Server, SUITE, textMatches, until } from "./harness.mjs";

const HOSTILE = `<img src=x onerror="window.owned=1"><script>window.owned=1</script>&amp;`;
const ALL_APPS = ["clock", "dashboard", "chat", "ticker", "notifications"];

/** Answers for the hub's figures and topics, newest first. To be called before the page is opened. */
async function fakeFigures(page, apps, topics) {
  const answer = { apps, topics };
  await page.route("**/hub", (route) => route.fulfill({ json: { version: "0.1.0", apps: answer.apps, connectionsOpen: 1234, topics: answer.topics.length } }));
  await page.route("**/topics?order=newest*", (route) => route.fulfill({ json: { topics: answer.topics.map((topic) => ({ topic, count: topic.length })) } }));
  return answer;
}

describe("home page", SUITE, () => {
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

  const open = async (path = "/") => {
    const opened = await newPage(browser);
    await opened.page.goto(server.url + path);
    return opened;
  };
  const shown = (page, selector) => page.locator(`${selector} >> visible=true`).count();

  it("shows the cards of the applications that are on", async () => {
    const { page, problems, close } = await newPage(browser);
    await fakeFigures(page, ["clock", "chat"], ["chat/lobby"]);
    await page.goto(server.url);
    await textMatches(page, "[data-hub=connectionsOpen]", /^1,234$/);
    assert.deepEqual(await page.locator(".home-pages a strong >> visible=true").allTextContents(), ["Chat", "Inspect"]);
    assert.equal(await shown(page, "[data-hub=eventsPerSecond]"), 0);
    assert.deepEqual(problems, []);
    await close();
  });

  it("shows the newest topics in place of the applications when none is on", async () => {
    const { page, problems, close } = await newPage(browser);
    const answer = await fakeFigures(page, [], ["orders/new", HOSTILE]);
    await page.goto(server.url);
    await textMatches(page, "[data-hub=connectionsOpen]", /^1,234$/);
    await textMatches(page, "[data-hub=topics]", /^2$/);
    assert.equal(await shown(page, ".home-pages a"), 0);
    assert.deepEqual(await page.locator("#topics a").allTextContents(), ["orders/new", HOSTILE]);
    assert.equal(await page.getAttribute("#topics a", "href"), "/inspect?topic=orders%2Fnew&after=last");
    const above = await page.evaluate(() => document.querySelector("#topics").getBoundingClientRect().top < document.querySelector("#events").getBoundingClientRect().top);
    assert.ok(above, "the topics stand below the events");
    answer.topics = Array.from({ length: 100 }, (_, n) => `t/${n}`);
    await page.waitForFunction(() => document.querySelectorAll("#topics li").length === 100);
    assert.equal(await page.textContent("#topics li"), "t/03 events");
    for (const width of [390, 1440]) {
      await page.setViewportSize({ width, height: 844 });
      assert.ok(await page.evaluate(() => document.querySelector("#topics").scrollWidth <= document.querySelector("#topics").clientWidth), `${width} px: topics reach out sideways`);
    }
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.deepEqual(problems, []);
    await close();
  });

  it("is the home of a bare hub too", async () => {
    const hub = await Server.start("--apps", "none");
    const { page, problems, close } = await newPage(browser);
    await publish(hub, "orders/new", "one");
    await publish(hub, "greetings", "hello");
    await page.goto(hub.url);
    await page.waitForFunction(() => document.querySelectorAll("#topics li").length === 2);
    assert.deepEqual(await page.locator(".site-nav a").allTextContents(), ["Home", "Inspect"]);
    assert.deepEqual(await page.locator("#topics li").allTextContents(), ["greetings1 event", "orders/new1 event"]);
    await textMatches(page, "[data-hub=topics]", /^2$/);
    await textMatches(page, "[data-hub=connectionsOpen]", /^[1-9]/);
    assert.equal(await shown(page, ".home-pages a, [data-hub=eventsPerSecond]"), 0);
    await textMatches(page, ".connection-state", /^Live$/);
    assert.ok((await page.getAttribute("#events", "data-empty")).includes(`curl -d hello ${hub.url}/topics/greetings`));
    await publish(hub, "orders/new", "two");
    await publish(hub, "orders/new", "three", { "Event-Type": "order" });
    await page.locator("#events .event-text", { hasText: "three" }).waitFor();
    assert.deepEqual((await page.locator("#events .event-type").allTextContents()).slice(0, 2), ["orders/new · order", "orders/new"]);
    await page.waitForFunction(() => document.querySelector("#topics li")?.textContent === "orders/new3 events");
    assert.deepEqual(problems, []);
    await close();
    await hub.stop();
  });

  it("lists events of every topic but the ticker's, those of a new topic from its first on", async () => {
    const { page, problems, close } = await newPage(browser);
    const answer = await fakeFigures(page, ALL_APPS, ["ticker/AAA", "calm"]);
    await page.goto(server.url);
    await textMatches(page, ".connection-state", /^Live$/);
    const quoted = await fetch(`${server.url}/ticker/quotes`, { method: "POST", body: JSON.stringify({ symbol: "AAA", price: 1 }) });
    assert.equal(quoted.status, 200);
    await publish(server, "calm", "first");
    await page.locator("#events .event-text", { hasText: "first" }).waitFor();
    await publish(server, "appeared", "before it is listed");
    answer.topics = ["appeared", "ticker/AAA", "calm"];
    await page.locator("#events .event-text", { hasText: "before it is listed" }).waitFor();
    await publish(server, "appeared", "after it is listed");
    await page.locator("#events .event-text", { hasText: "after it is listed" }).waitFor();
    assert.deepEqual((await page.locator("#events .event-text").allTextContents()).reverse(), ["first", "before it is listed", "after it is listed"]);
    assert.deepEqual(problems, []);
    await close();
  });

  it("lists arriving events, as text, newest first, at most 100", async () => {
    const { page, problems, close } = await newPage(browser);
    const many = Array.from({ length: 120 }, (_, i) => ["message", { time: "", message: `number ${i}` }, `a-${i + 1}`]);
    await fakeFigures(page, ALL_APPS, []);
    await fakeStream(page, "**/events*", [...many, ["message", HOSTILE, "a-121"], ["metrics", { cpuLoad: 0.5 }, "a-122"]]);
    await page.goto(server.url);
    await page.waitForFunction(() => document.querySelectorAll("#events li").length === 100);
    const texts = await page.locator("#events .event-text").allTextContents();
    assert.match(texts[0], /^load 0\.50/);
    assert.equal(texts[1], HOSTILE);
    assert.equal(texts[2], "number 119");
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.equal(await page.textContent('[data-example="curl"]'), `curl -N ${server.url}/events`);
    assert.deepEqual(problems, []);
    await close();
  });

  it("says what a notification or somebody in the chat says, as text", async () => {
    const { page, problems, close } = await open("/");
    await page.waitForSelector("#events li");
    const odd = { username: 7, text: "x" };
    const said = [
      ["userConnected", { username: "ann" }, "ann"],
      ["newMessage", { username: "ann", text: HOSTILE, time: "" }, `ann: ${HOSTILE}`],
      ["newMessage", odd, JSON.stringify(odd)],
      ["notification", { category: "deploy", title: "Version 3 is live", text: "" }, "Version 3 is live"],
      ["constructor", "no type of ours", "no type of ours"],
    ];
    for (const [type, data] of said) {
      await publish(server, "home/said", typeof data === "string" ? data : JSON.stringify(data), { "Event-Type": type });
    }
    await page.locator("#events .event-text", { hasText: "no type of ours" }).waitFor();
    const texts = await page.locator("#events .event-text").allTextContents();
    const ours = said.map(([, , text]) => text);
    assert.deepEqual(texts.filter((text) => ours.includes(text)).reverse(), ours);
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.deepEqual(problems, []);
    await close();
  });

  it("shows how many connections are open", async () => {
    const { page, problems, close } = await open("/");
    await until(() => server.subscriptions === 1, "this page's stream alone");
    await textMatches(page, "[data-hub=connectionsOpen]", /^1$/);
    const other = await fetch(`${server.url}/events?topic=quiet`);
    await textMatches(page, "[data-hub=connectionsOpen]", /^2$/);
    await other.body.cancel();
    await textMatches(page, "[data-hub=connectionsOpen]", /^1$/);
    assert.match(await page.textContent("[data-hub=eventsPerSecond]"), /^\d+\.\d$/);
    assert.deepEqual(problems, []);
    await close();
  });
});
