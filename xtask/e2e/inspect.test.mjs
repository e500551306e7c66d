// The inspector as a developer uses it: choose, watch, filter, open, pause, resume from an id, publish.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, publish, Server, SUITE, textMatches } from "./harness.mjs";

const HOSTILE = `<img src=x onerror="window.owned = 1"><script>window.owned = 1</script>`;

describe("inspector", SUITE, () => {
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

  const open = async (search = "") => {
    const opened = await newPage(browser);
    await opened.page.goto(`${server.url}/inspect${search}`);
    return opened;
  };
  const rows = (page) => page.locator("#events li");
  const previews = (page) => page.locator("#events .inspect-preview").allTextContents();
  const counted = (page, n) => page.waitForFunction((count) => document.querySelectorAll("#events li").length === count, n);

  it("shows time, type, topic, size and data of each event of the topics, newest first, and opens to JSON and wire", async () => {
    await publish(server, "t/one", '{"a":[1,2]}', { "Event-Type": "paid" });
    const id = await publish(server, "t/two", "line 1\nline 2");
    await publish(server, "unwanted", "x");
    const { page, problems, close } = await open("?topic=t/*&after=earliest");
    await counted(page, 2);
    await publish(server, "t/two", "live");
    await counted(page, 3);
    const texts = await page.locator("#events summary").allTextContents();
    assert.match(texts[0], /^\d\d:\d\d:\d\d\.\d{3}messaget\/two[0-9a-f]{12}-\d+4 Blive$/);
    const history = await (await fetch(`${server.url}/topics/t/two`)).json();
    assert.deepEqual([await rows(page).locator("time").first().getAttribute("datetime"), await rows(page).locator(".inspect-id").first().textContent()], [history.events[1].time, history.events[1].id]);
    const paid = rows(page).filter({ hasText: "paid" });
    await paid.locator("summary").click();
    assert.equal(await paid.locator("pre").textContent(), '{\n  "a": [\n    1,\n    2\n  ]\n}');
    const two = rows(page).filter({ hasText: "line 1" });
    await two.locator("summary").click();
    await page.check("input[name=view][value=wire]");
    assert.equal(await two.locator("pre").textContent(), `id: ${id}\ntopic: t/two\ntime: ${history.events[0].time}\ndata: line 1\ndata: line 2`);
    await textMatches(page, "[data-counter=events]", /^3$/);
    assert.deepEqual(problems, []);
    await close();
  });

  it("filters, pauses and clears", async () => {
    const { page, close } = await open("?topic=f/*&after=now");
    await textMatches(page, ".connection-state", /^Live$/);
    await publish(server, "f/1", "apple");
    await publish(server, "f/2", "Pear");
    await counted(page, 2);
    await page.fill("#filter", "PEAR");
    assert.deepEqual(await previews(page), ["Pear"]);
    await publish(server, "f/3", "pear tree");
    await counted(page, 2);
    await page.fill("#filter", "");
    await counted(page, 3);
    await page.click("#pause");
    await publish(server, "f/1", "while paused");
    await textMatches(page, "#shown", /1 since you paused/);
    assert.equal(await rows(page).count(), 3);
    await page.click("#pause");
    await counted(page, 4);
    await page.click("#clear");
    await counted(page, 0);
    await textMatches(page, "#shown", /^No events yet\.$/);
    await close();
  });

  it("resumes from the id of a row, and its address leads there again", async () => {
    for (const data of ["1", "2", "3"]) await publish(server, "r", data);
    const { page, close } = await open("?topic=r&after=earliest");
    await counted(page, 3);
    const second = rows(page).filter({ has: page.locator(".inspect-preview", { hasText: /^2$/ }) });
    await second.locator("summary").click();
    const id = (await second.locator("button").textContent()).replace("Resume after ", "");
    await second.locator("button").click();
    await counted(page, 1);
    assert.deepEqual(await previews(page), ["3"]);
    assert.equal(new URL(page.url()).searchParams.get("after"), id);
    assert.equal(await page.inputValue("#id"), id);
    await page.reload();
    await counted(page, 1);
    assert.deepEqual(await previews(page), ["3"]);
    await close();
  });

  it("reads any stream of this server by its address, and says why one is refused", async () => {
    const { page, close } = await open("?url=/dashboard-events&after=now");
    await page.waitForFunction(() => [...document.querySelectorAll(".inspect-type")].some((type) => type.textContent === "metrics"));
    await page.fill("#address", "https://example.com/stream");
    await page.click("#target button[type=submit]");
    assert.match(await page.textContent("#target-problem"), /reads only from http:\/\/127\.0\.0\.1:\d+\./);
    await page.fill("#address", "/nothing-here");
    await page.click("#target button[type=submit]");
    await textMatches(page, ".connection-detail", /nothing at this path/);
    assert.match(await page.textContent("#target-problem"), /^404 .*nothing at this path/);
    await textMatches(page, ".connection-state", /^Refused$/);
    await close();
  });

  it("starts a new list with each connection, and shows a refused one where the button is", async () => {
    await publish(server, "l/old", "old");
    await publish(server, "l/new", "new");
    const { page, close } = await open("?topic=l/old&after=earliest");
    await counted(page, 1);
    await page.fill("#topics", "l/new");
    await page.click("#target button[type=submit]");
    await page.waitForFunction(() => document.querySelector("#events .inspect-preview")?.textContent === "new");
    assert.deepEqual(await previews(page), ["new"]);
    await textMatches(page, "[data-counter=events]", /^1$/);
    await page.fill("#topics", "l/ne w?, x//y");
    await page.click("#target button[type=submit]");
    await textMatches(page, "#target-problem", /^400 /);
    await counted(page, 0);
    await page.fill("#topics", "l/old");
    await page.click("#target button[type=submit]");
    await counted(page, 1);
    assert.equal(await page.textContent("#target-problem"), "");
    await close();
  });

  it("publishes, and shows a refusal in words", async () => {
    const { page, close } = await open("?topic=p/*&after=now");
    await textMatches(page, ".connection-state", /^Live$/);
    await page.fill("#publish-topic", "p/new");
    await page.fill("#publish-event", "created");
    await page.fill("#publish-data", "from the form");
    await page.click("#publish button");
    await textMatches(page, "#published", /^Stored as [0-9a-f]{12}-\d+$/);
    await page.waitForFunction(() => document.querySelector("#events .inspect-preview")?.textContent === "from the form");
    assert.equal(await page.locator("#events .inspect-type").first().textContent(), "created");
    await page.fill("#publish-topic", "p q");
    await page.click("#publish button");
    await textMatches(page, "#published", /^Refused \(400\): .*cannot contain ' '/);
    await close();
  });

  it("shows a gap, counts it, and shows hostile text as text", async () => {
    await publish(server, "h", HOSTILE, { "Event-Type": "<b>bold" });
    const { page, problems, close } = await open("?topic=h&after=0123456789ab-1");
    await counted(page, 2);
    assert.equal(await page.locator("#events .inspect-gap").count(), 1);
    await textMatches(page, "[data-counter=gaps]", /^1$/);
    for (const summary of await page.locator("#events summary").all()) await summary.click();
    assert.ok((await page.textContent("#events")).includes(HOSTILE));
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.deepEqual(problems, []);
    await close();
  });

  for (const [width, fontSize] of [[390, "100%"], [390, "200%"], [1440, "100%"], [1280, "200%"]]) {
    it(`needs no sideways scrolling at ${width} px with text of ${fontSize}`, async () => {
      const { page, close } = await newPage(browser, { viewport: { width, height: 844 } });
      await page.goto(`${server.url}/inspect?topic=metrics&after=now`);
      await page.evaluate((size) => (document.documentElement.style.fontSize = size), fontSize);
      await counted(page, 1);
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(over <= 0, `${over} px too wide`);
      assert.equal(await page.locator("#topics").isVisible(), width > 960, "only a wide page opens the subscribe form");
      await close();
    });
  }

  it("keeps the newest 500 events", async () => {
    const { page, close } = await open("?topic=many&after=now");
    await textMatches(page, ".connection-state", /^Live$/);
    const lines = Array.from({ length: 1500 }, (_, n) => `{"data":"n ${n}"}\n`).join("");
    await publish(server, "many", lines, { "Content-Type": "application/x-ndjson" });
    await page.waitForFunction(() => document.querySelector("#events .inspect-preview")?.textContent === "n 1499");
    assert.equal(await rows(page).count(), 500);
    await textMatches(page, "[data-counter=events]", /^1,500$/);
    await close();
  });
});
