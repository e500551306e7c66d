// The ticker as a visitor uses it: a watch list, prices that move, and nothing from the server that was not asked for.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, publish, received, receiveMore, Server, SUITE, textMatches, until } from "./harness.mjs";

const HOSTILE = [`<script>window.owned=1</script>`, `<img src=x onerror="window.owned=1">`];

describe("ticker", SUITE, () => {
  /** Has the simulated market. */
  let simulated;
  /** Has only the prices that a test posts. */
  let quiet;
  let browser;
  before(async () => {
    [simulated, quiet] = await Promise.all([Server.start("--ticker-seed", "4"), Server.start("--ticker", "off")]);
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await simulated?.stop();
    await quiet?.stop();
  });

  /** Opens the page with this watch list; a visitor without one gets what the page suggests. */
  const open = async (server, symbols, options = {}) => {
    const opened = await newPage(browser, options);
    await opened.page.addInitScript((list) => {
      if (list && !localStorage.getItem("sse-hub.ticker.watch")) localStorage.setItem("sse-hub.ticker.watch", JSON.stringify(list));
      window.flashes = [];
      const animate = Element.prototype.animate;
      Element.prototype.animate = function (...args) {
        window.flashes.push([this.closest("tr")?.dataset.symbol, args[0][0].backgroundColor]);
        return animate.apply(this, args);
      };
    }, symbols);
    const response = await opened.page.goto(`${server.url}/ticker`);
    await textMatches(opened.page, ".connection-state", symbols?.length === 0 ? /^Closed$/ : /^Live$/);
    return { ...opened, response };
  };
  const row = (symbol) => `tr[data-symbol="${symbol}"]`;
  const symbolsOf = (page) => page.locator("#rows .symbol-code").allTextContents();
  const shows = (page, symbol, pattern) => textMatches(page, `${row(symbol)} .quote-price`, pattern);
  const post = async (server, quotes) => {
    const response = await fetch(`${server.url}/ticker/quotes`, { method: "POST", body: JSON.stringify(quotes) });
    return { status: response.status, answer: await response.json() };
  };
  const quote = async (server, symbol, price) => {
    const { status, answer } = await post(server, { symbol, price });
    assert.equal(status, 200, JSON.stringify(answer));
  };
  /** Adds as a visitor does. */
  const add = async (page, text) => {
    await page.fill("#symbol", text);
    await page.press("#symbol", "Enter");
  };
  /** Topics of the newest stream that the server has opened. */
  const asked = (server) => {
    const plain = server.log.replaceAll(/\x1b\[\d*m/g, "");
    return [...plain.matchAll(/subscription opened.*? topics=(.*?) after=/g)].at(-1)?.[1].split(" ");
  };

  it("shows a market that is called simulated, without an error, under a strict policy", async () => {
    const { page, problems, response, close } = await open(simulated);
    assert.match(response.headers()["content-security-policy"], /require-trusted-types-for 'script'/);
    await page.waitForFunction(() => document.querySelectorAll("#rows tr[data-trend]").length === 6);
    assert.match(await page.textContent("#market"), /^Simulated market: these companies do not exist/);
    assert.equal(await page.textContent(`${row("ACME")} .symbol-name`), "Acme Anvils");
    assert.match(await page.textContent(`${row("ACME")} .quote-price`), /^\d+\.\d\d$/);
    assert.match(await page.textContent(`${row("ACME")} .quote-change`), /^(▲\+|▼−|●±)\d+\.\d\d[+−±]\d+\.\d\d\u00a0%$/);
    assert.match(await page.textContent("#updated"), /^\d\d:\d\d:\d\d$/);
    const points = await page.getAttribute(`${row("ACME")} polyline`, "points");
    assert.ok(points.split(" ").length > 20, `the line has the prices of the last minute: ${points}`);
    await receiveMore(page, "ACME", 3);
    assert.deepEqual(problems, []);
    await close();
  });

  it("asks the server for the watched symbols only, and for others as the list changes", async () => {
    const { page, close } = await open(simulated, ["ACME", "ZIGG"]);
    await until(() => asked(simulated)?.join() === "ticker/ACME,ticker/ZIGG", "two topics");
    await add(page, "toot");
    await until(() => asked(simulated)?.join() === "ticker/ACME,ticker/TOOT,ticker/ZIGG", "three topics");
    await page.click(`${row("ACME")} button[aria-label="Remove ACME"]`);
    await until(() => asked(simulated)?.join() === "ticker/TOOT,ticker/ZIGG", "ACME is dropped");
    await textMatches(page, ".connection-state", /^Live$/);
    const acme = await received(page, "ACME");
    await receiveMore(page, "TOOT", 4);
    await receiveMore(page, "ZIGG", 1);
    assert.equal(await received(page, "ACME"), acme, "ACME still comes");
    const types = await page.evaluate(() => Object.keys(window.received).filter((type) => /^[A-Z]/.test(type)));
    assert.deepEqual(types.filter((type) => !["ACME", "TOOT", "ZIGG"].includes(type)), []);
    await close();
  });

  it("closes its stream when nothing is watched, and opens it again", async () => {
    const { page, close } = await open(quiet, ["LONE"]);
    await page.click(`button[aria-label="Remove LONE"]`);
    await textMatches(page, ".connection-state", /^Closed$/);
    assert.ok(await page.isVisible("#empty"));
    await add(page, "LONE");
    await textMatches(page, ".connection-state", /^Live$/);
    await until(() => asked(quiet)?.join() === "ticker/LONE", "one topic");
    await quote(quiet, "LONE", "12.5");
    await shows(page, "LONE", /^12\.50$/);
    await close();
  });

  it("keeps list, order and sorting over a reload", async () => {
    const { page, close } = await open(quiet);
    assert.deepEqual(await symbolsOf(page).then((symbols) => symbols.filter((s) => /^KEEP/.test(s))), []);
    for (const symbol of ["keep.a", "KEEP.B", " KEEP.C "]) await add(page, symbol);
    await page.click(`button[aria-label="Move KEEP.C up"]`);
    await page.click(`button[aria-label="Remove KEEP.A"]`);
    const kept = async () => (await symbolsOf(page)).filter((symbol) => symbol.startsWith("KEEP"));
    assert.deepEqual(await kept(), ["KEEP.C", "KEEP.B"]);
    await page.reload();
    await page.waitForSelector(row("KEEP.B"));
    assert.deepEqual(await kept(), ["KEEP.C", "KEEP.B"]);
    await page.click("button[data-sort=symbol]");
    assert.deepEqual(await kept(), ["KEEP.B", "KEEP.C"]);
    await page.reload();
    await page.waitForSelector(row("KEEP.B"));
    assert.deepEqual(await kept(), ["KEEP.B", "KEEP.C"]);
    assert.equal(await page.getAttribute("th.column-symbol", "aria-sort"), "ascending");
    await close();
  });

  it("shows a change by sign, arrow, colour and a flash, digit by digit", async () => {
    const { page, close } = await open(quiet, ["UP", "DOWN"]);
    for (const [symbol, price] of [["UP", "100"], ["DOWN", "1.0825"], ["UP", "1234.5"], ["DOWN", "1.08"]]) await quote(quiet, symbol, price);
    await shows(page, "UP", /^1,234\.50$/);
    await shows(page, "DOWN", /^1\.08$/);
    assert.equal(await page.textContent(`${row("UP")} .quote-change`), "▲+1,134.50+1,134.50\u00a0%");
    assert.equal(await page.textContent(`${row("DOWN")} .quote-change`), "▼−0.0025−0.23\u00a0%");
    const colour = (symbol) => page.locator(`${row(symbol)} .quote-change`).evaluate((cell) => getComputedStyle(cell).color);
    assert.notEqual(await colour("UP"), await colour("DOWN"));
    assert.equal(await page.getAttribute(row("UP"), "data-trend"), "up");
    const flashes = await page.evaluate(() => window.flashes);
    assert.ok(flashes.some(([symbol, colour]) => symbol === "UP" && colour.includes("--good")), JSON.stringify(flashes));
    assert.ok(flashes.some(([symbol, colour]) => symbol === "DOWN" && colour.includes("--bad")), JSON.stringify(flashes));
    await close();
  });

  it("does not flash for who wants no motion", async () => {
    const { page, close } = await open(quiet, ["STILL"], { reducedMotion: "reduce" });
    await quote(quiet, "STILL", "1");
    await quote(quiet, "STILL", "2");
    await shows(page, "STILL", /^2\.00$/);
    assert.deepEqual(await page.evaluate(() => window.flashes), []);
    await close();
  });

  it("sorts by price and by change, and goes back to the visitor's order", async () => {
    await post(quiet, [["S1", 5], ["S2", 500], ["S3", 50], ["S1", 10], ["S2", 501], ["S3", 25]].map(([symbol, price]) => ({ symbol, price })));
    const { page, close } = await open(quiet, ["S2", "S1", "S3"]);
    for (const symbol of ["S1", "S2", "S3"]) await shows(page, symbol, /^\d/);
    const sorted = async (column, direction) => {
      await page.click(`button[data-sort=${column}]`);
      assert.equal(await page.getAttribute(`th.column-${column}`, "aria-sort"), direction);
      return symbolsOf(page);
    };
    assert.deepEqual(await sorted("price", "descending"), ["S2", "S3", "S1"]);
    assert.equal(await page.getAttribute(`button[aria-label="Move S3 up"]`, "aria-disabled"), "true");
    assert.deepEqual(await sorted("price", "ascending"), ["S1", "S3", "S2"]);
    assert.deepEqual(await sorted("change", "descending"), ["S1", "S2", "S3"]);
    await sorted("change", "ascending");
    assert.deepEqual(await sorted("change", "none"), ["S2", "S1", "S3"]);
    await close();
  });

  it("takes markup for text, or refuses it, wherever it comes from", async () => {
    const odd = { price: 5, change: 0, changePercent: 0, time: new Date().toISOString(), source: HOSTILE[0], symbol: HOSTILE[1] };
    await quiet.asBareHub(async () => {
      for (const text of HOSTILE) {
        for (const data of [text, JSON.stringify({ symbol: text, price: text, change: text, time: text, source: text })]) {
          await publish(quiet, "ticker/SAFE", data, { "Event-Type": "SAFE" });
        }
      }
      await publish(quiet, "ticker/SAFE", JSON.stringify(odd));
      // With a known source, beside which the name is shown.
      await publish(quiet, "ticker/SAFE", JSON.stringify({ ...odd, source: "simulated" }));
    });
    const { page, problems, close } = await newPage(browser);
    await page.addInitScript(() => localStorage.setItem("sse-hub.ticker.watch", JSON.stringify(["SAFE", "<img src=x onerror=owned=1>", 7])));
    const named = HOSTILE.map((name, nth) => ({ symbol: nth === 0 ? "SAFE" : name, name, source: "simulated" }));
    await page.route("**/ticker/symbols", (route) => route.fulfill({ json: { symbols: named } }));
    await page.goto(`${quiet.url}/ticker`);
    await textMatches(page, ".connection-state", /^Live$/);
    await textMatches(page, `${row("SAFE")} .symbol-name`, /^<script>window\.owned=1<\/script>$/);
    for (const text of HOSTILE) {
      await add(page, text);
      assert.ok((await page.textContent("#said")).startsWith(`${text} is no symbol`), await page.textContent("#said"));
      assert.equal(await page.getAttribute("#symbol", "aria-invalid"), "true");
      const { status, answer } = await post(quiet, { symbol: text, price: 1 });
      assert.deepEqual([status, answer.field], [400, "symbol"]);
    }
    await shows(page, "SAFE", /^5\.00$/);
    assert.deepEqual(await symbolsOf(page), ["SAFE"]);
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.deepEqual(problems, []);
    await close();
  });

  it("freezes while paused and while hidden, and catches up", async () => {
    const { page, close } = await open(quiet, ["ICE"]);
    await quote(quiet, "ICE", "1");
    await shows(page, "ICE", /^1\.00$/);
    await page.click("#pause");
    await textMatches(page, ".connection-state", /^Paused$/);
    const arrives = async (price) => {
      const before = await received(page, "ICE");
      await quote(quiet, "ICE", price);
      await until(async () => (await received(page, "ICE")) > before, `${price} arrives`);
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      return page.textContent(`${row("ICE")} .quote-price`);
    };
    assert.equal(await arrives("2"), "1.00");
    await page.click("#pause");
    await shows(page, "ICE", /^2\.00$/);
    const setHidden = (hidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
        document.dispatchEvent(new Event("visibilitychange"));
      }, hidden);
    await setHidden(true);
    assert.equal(await arrives("3"), "2.00");
    await setHidden(false);
    await shows(page, "ICE", /^3\.00$/);
    await close();
  });

  for (const width of [1440, 390]) {
    it(`does not move when prices come, ${width} px`, async () => {
      const symbols = ["M1", "M2", "M3", "M4", "M5", "M6"];
      const { page, close } = await open(quiet, symbols, { viewport: { width, height: 844 } });
      for (const price of ["0.000001", "99999.99", "7"]) {
        assert.equal((await post(quiet, symbols.map((symbol) => ({ symbol, price })))).status, 200);
        await shows(page, "M6", price === "99999.99" ? /^99,999\.99$/ : new RegExp(`^${price.replace(".", "\\.")}`));
      }
      const shift = await page.evaluate(() => window.shift);
      assert.ok(shift < 0.02, `layout shifts add up to ${shift}`);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(wide, false, "the page is wider than the screen");
      await close();
    });
  }

  it("is used by keyboard alone", async () => {
    const { page, close } = await open(quiet, ["K1", "K2"]);
    await page.focus("#pause");
    await page.keyboard.press("Tab");
    await page.keyboard.type("k3");
    await page.keyboard.press("Enter");
    await textMatches(page, "#said", /^K3 added/);
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent);
    for (let tabs = 0; (await focused()) !== "Move K3 up" && tabs < 30; tabs += 1) await page.keyboard.press("Tab");
    for (let presses = 0; presses < 3; presses += 1) await page.keyboard.press("Enter");
    assert.deepEqual(await symbolsOf(page), ["K3", "K1", "K2"]);
    assert.equal(await focused(), "Move K3 up", "the focus moves with the row");
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assert.deepEqual(await symbolsOf(page), ["K1", "K2"]);
    assert.equal(await focused(), "Remove K1");
    await close();
  });

  it("goes on after the server was restarted", async () => {
    const server = await Server.start("--ticker", "off");
    const { page, close } = await open(server, ["BACK"]);
    await quote(server, "BACK", "1");
    await shows(page, "BACK", /^1\.00$/);
    await server.stop();
    await textMatches(page, ".connection-state", /^Reconnecting$/);
    await server.start();
    await textMatches(page, ".connection-state", /^Live$/);
    await quote(server, "BACK", "2");
    await shows(page, "BACK", /^2\.00$/);
    await close();
    await server.stop();
  });
});
