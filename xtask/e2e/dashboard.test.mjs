// The dashboard as a visitor uses it, in a real browser against the real server.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { fakeHub, fakeStream, launchBrowser, newPage, receiveMore, Server, streamBody, SUITE, textMatches } from "./harness.mjs";

const HOSTILE = `<img src=x onerror="window.owned=1"><script>window.owned=1</script>&amp;`;

/** A sample as the server of a small machine sends it. */
const sample = () => ({
  time: new Date().toISOString(),
  cpuLoad: 0.42,
  loadAverage: [0.42, 0.31, 0.2],
  cpuUsage: 12.5,
  cpus: [10, 15],
  cpuCount: 2,
  totalMemory: 7964,
  freeMemory: 1200,
  availableMemory: 4400,
  usedMemory: 3564,
  totalSwap: 2048,
  usedSwap: 12,
  uptime: 273_845,
  disks: [{ name: "/dev/vda1", mountPoint: "/", fileSystem: "ext4", total: 40_000, available: 9_000 }],
  networks: [{ name: "eth0", receivedPerSecond: 12_345, transmittedPerSecond: 2_345, receivedTotal: 1e9, transmittedTotal: 1e8 }],
  hostName: "gannet",
  os: "Debian GNU/Linux 12",
  processCount: 143,
  interval: 2,
});

describe("dashboard", SUITE, () => {
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

  const open = async (path = "/dashboard", options = {}) => {
    const opened = await newPage(browser, options);
    const response = await opened.page.goto(server.url + path);
    return { ...opened, response };
  };
  const figure = (key) => `[data-figure="${key}"]`;

  it("shows its figures within 2.5 s, without an error, under a strict policy", async () => {
    const { page, problems, close } = await newPage(browser);
    // On the page's own clock, which starts with the navigation: what the test itself waits for does not count.
    await page.addInitScript((selector) => {
      new MutationObserver((_, observer) => {
        if (!/^\d+\.\d\d$/.test(document.querySelector(selector)?.textContent ?? "")) return;
        window.figuresAfter = performance.now();
        observer.disconnect();
      }).observe(document, { subtree: true, childList: true, characterData: true });
    }, figure("cpuLoad"));
    const response = await page.goto(`${server.url}/dashboard`);
    const took = await (await page.waitForFunction(() => window.figuresAfter)).jsonValue();
    assert.ok(took < 2_500, `first figures after ${took} ms`);
    assert.match(await page.textContent(figure("availableMemory")), /^[\d,.]+ GiB$/);
    assert.match(await page.textContent(figure("usedMemory")), /^[\d,.]+ GiB$/);
    assert.match(await page.textContent(figure("uptime")), /^\d+ (d|h|min|s)/);
    assert.match(await page.textContent(figure("processCount")), /^[\d,]+$/);
    assert.match(await page.textContent("#updated"), /^\d\d:\d\d:\d\d$/);
    await textMatches(page, ".connection-state", /^Live$/);

    const policy = response.headers()["content-security-policy"] ?? "";
    assert.match(policy, /default-src 'none'/);
    assert.match(policy, /script-src 'self'(;|$)/);
    assert.doesNotMatch(policy, /unsafe/);
    await receiveMore(page, "metrics", 1);
    assert.deepEqual(problems, []);
    await close();
  });

  it("draws every chart", async () => {
    const { page, close } = await open();
    for (const id of ["cpu", "memory", "network", "load"]) {
      // A line is drawn from two samples on: pixels in the colour of the first line that the legend names.
      await page.waitForFunction(
        (name) => {
          const canvas = document.querySelector(`#chart-${name} canvas`);
          const swatch = document.querySelector(`#chart-${name} .series-1`);
          if (!canvas?.width || !swatch) return false;
          const [r, g, b] = getComputedStyle(swatch).color.match(/\d+/g).map(Number);
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          let inked = 0;
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3] > 200 && Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 24) inked += 1;
          }
          return inked > 10;
        },
        id,
      );
    }
    await close();
  });

  for (const width of [1440, 390]) {
    it(`does not move when data comes, ${width} px`, async () => {
      const { page, close } = await newPage(browser, { viewport: { width, height: 844 } });
      await fakeHub(page);
      await page.route("**/events*", async (route) => {
        // Only what was painted before can be seen to move.
        await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint").length > 0);
        await route.fulfill({ contentType: "text/event-stream", body: streamBody([["metrics", sample(), "a-1"]]) });
      });
      await page.goto(`${server.url}/dashboard`);
      await page.waitForFunction(() => document.querySelector(".u-over"));
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const shift = await page.evaluate(() => window.shift);
      assert.ok(shift < 0.02, `layout shifts add up to ${shift}`);
      await close();
    });
  }

  const frozen = (page) => page.locator(".tiles, #updated, .chart-legend, #chart-load table").allTextContents();

  it("freezes while paused, and catches up when resumed", async () => {
    const { page, close } = await open();
    await page.click("#chart-load button");
    await receiveMore(page, "metrics", 1);
    await page.click("#pause");
    await textMatches(page, ".connection-state", /^Paused$/);
    const shown = await frozen(page);
    const newest = await page.textContent("#chart-load tbody th");
    await receiveMore(page, "metrics", 2);
    await page.getByLabel("15 min").check();
    await page.click("[data-theme-switch]");
    assert.deepEqual(await frozen(page), shown);
    assert.equal(await page.getAttribute("#pause", "aria-pressed"), "true");

    await page.click("#pause");
    await page.waitForFunction((text) => document.querySelector("#chart-load tbody th")?.textContent !== text, newest);
    const times = await page.locator("#chart-load tbody th").allTextContents();
    assert.ok(times.indexOf(newest) >= 2, `what came in while paused is missing: ${newest} is row ${times.indexOf(newest)}`);
    assert.notDeepEqual(await frozen(page), shown);
    await textMatches(page, ".connection-state", /^Live$/);
    await close();
  });

  it("does not draw in a hidden tab, and catches up when it is shown", async () => {
    const { page, close } = await open();
    await receiveMore(page, "metrics", 1);
    const setHidden = (hidden) =>
      page.evaluate((value) => {
        Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
        document.dispatchEvent(new Event("visibilitychange"));
        return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
      }, hidden);
    await setHidden(true);
    const updated = await page.textContent("#updated");
    await receiveMore(page, "metrics", 2);
    assert.equal(await page.textContent("#updated"), updated);
    await setHidden(false);
    assert.notEqual(await page.textContent("#updated"), updated);
    await close();
  });

  it("shows a chart as a table, by keyboard", async () => {
    const { page, close } = await open();
    const button = page.locator("#chart-memory button");
    await button.focus();
    await page.keyboard.press("Enter");
    assert.equal(await button.getAttribute("aria-expanded"), "true");
    await textMatches(page, "#chart-memory tbody tr", /^\d\d:\d\d:\d\d[\d,.]+ GiB/);
    assert.equal(await page.locator("#chart-memory .chart-plot").isVisible(), false);
    await page.keyboard.press("Enter");
    assert.equal(await page.locator("#chart-memory .chart-plot").isVisible(), true);
    await close();
  });

  it("draws an hour of samples, and names time and values under the pointer", async () => {
    const { page, problems, close } = await newPage(browser);
    const now = Math.floor(Date.now() / 2000) * 2;
    const hour = Array.from({ length: 1800 }, (_, n) => {
      const time = new Date((now - 3598 + 2 * n) * 1000).toISOString();
      return ["metrics", { ...sample(), time, loadAverage: [n / 100, 0, 0], usedMemory: 2048 }, `a-${n + 1}`];
    });
    await fakeStream(page, "**/events*", hour);
    await page.goto(`${server.url}/dashboard`);
    await page.getByLabel("1 h", { exact: true }).check();
    await textMatches(page, "#chart-load .chart-value", /^17\.99$/);
    await page.hover("#chart-load .u-over", { position: { x: 1, y: 60 } });
    const clock = await page.evaluate((at) => new Intl.DateTimeFormat("en-GB", { timeStyle: "medium" }).format(at), (now - 3598) * 1000);
    await textMatches(page, "#chart-load .chart-value", /^0\.0\d$/);
    const times = () => page.locator(".chart-time >> visible=true").allTextContents();
    const [shown, ...others] = await times();
    assert.equal(shown.slice(0, 5), clock.slice(0, 5), "the oldest sample is not at the left edge");
    assert.deepEqual(others, [shown, shown, shown]);
    await page.mouse.move(5, 5);
    await textMatches(page, "#chart-load .chart-value", /^17\.99$/);
    assert.deepEqual(await times(), []);

    await page.click("#chart-memory button");
    const sizes = await page.locator('[data-figure$="Memory"], [data-note$="Memory"], [data-figure=usedSwap], #chart-memory .chart-value, #chart-memory td, #disks .muted').allTextContents();
    assert.ok(sizes.length > 180, `${sizes.length} sizes`);
    assert.deepEqual(sizes.filter((text) => !/ GiB/.test(text) || /\b[kMGT]B\b|MiB/.test(text)), []);
    assert.deepEqual(problems, []);
    await close();
  });

  it("remembers the theme", async () => {
    const { page, close } = await open();
    const state = () => page.evaluate(() => [document.documentElement.dataset.theme, getComputedStyle(document.body).backgroundColor]);
    const [, light] = await state();
    for (let presses = 0; presses < 3 && (await state())[0] !== "dark"; presses += 1) await page.click("[data-theme-switch]");
    const [, dark] = await state();
    assert.notEqual(dark, light);
    await page.reload();
    assert.deepEqual(await state(), ["dark", dark]);
    await page.goto(server.url);
    assert.deepEqual(await state(), ["dark", dark]);
    assert.match(await page.textContent("[data-theme-switch]"), /Theme: dark/);
    await close();
  });

  for (const path of ["/", "/dashboard"]) {
    for (const [what, width, fontSize] of [
      ["390 px", 390, "100%"],
      ["390 px and doubled text", 390, "200%"],
      ["1280 px and doubled text", 1280, "200%"],
    ]) {
      it(`needs no sideways scrolling: ${path} at ${what}`, async () => {
        const { page, close } = await open(path, { viewport: { width, height: 844 } });
        await page.evaluate((size) => {
          document.documentElement.style.fontSize = size;
        }, fontSize);
        await page.waitForFunction(() => window.received.metrics >= 1);
        const sizes = await page.evaluate(() => ({
          text: parseFloat(getComputedStyle(document.body).fontSize),
          wide: document.documentElement.scrollWidth,
          room: document.documentElement.clientWidth,
        }));
        assert.equal(sizes.text, fontSize === "200%" ? 32 : 16);
        assert.ok(sizes.wide <= sizes.room, `${sizes.wide} px of content in ${sizes.room} px`);
        await close();
      });
    }
  }

  it("shows hostile text as text", async () => {
    const { page, problems, close } = await newPage(browser);
    const disk = { name: HOSTILE, mountPoint: HOSTILE, fileSystem: HOSTILE, total: 100, available: 50 };
    const network = { name: HOSTILE, receivedPerSecond: 1, transmittedPerSecond: 1, receivedTotal: 1, transmittedTotal: 1 };
    await fakeStream(page, "**/events*", [
      ["gap", { requested: "a-1", first: "a-2", reason: HOSTILE }],
      ["metrics", { time: new Date().toISOString(), hostName: HOSTILE, os: HOSTILE, cpuLoad: HOSTILE, uptime: HOSTILE, cpus: [1], disks: [disk], networks: [network] }, "a-2"],
      ["metrics", "not json", "a-3"],
    ]);
    await page.goto(`${server.url}/dashboard`);
    await page.waitForFunction(() => document.querySelectorAll("#disks li").length === 1);
    for (const place of [figure("host"), "#disks", "#interfaces", "#gap"]) assert.ok((await page.textContent(place)).includes(HOSTILE), place);
    assert.equal(await page.textContent(figure("cpuLoad")), "–");
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.equal(await page.locator("main img, main script").count(), 0);
    assert.deepEqual(problems, []);
    await close();
  });
});
