// Pictures of the pages: of all of them, for review, in SCREENSHOT_DIR; those of the README in README_IMAGES_DIR. Skipped where
// the variable is not set.

import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { it } from "node:test";
import { forbid, launchBrowser, newPage, receiveMore, Server, textMatches } from "./harness.mjs";

const directory = process.env.SCREENSHOT_DIR;
const readme = process.env.README_IMAGES_DIR;

/** Name, path, and what is there once the page is worth a picture. */
const PAGES = [
  ["dashboard", "/dashboard", "#interfaces tr"],
  ["home", "/", "#events li:nth-child(3)"],
  ["inspect", "/inspect", "#events li:nth-child(9)"],
  ["ticker", "/ticker", "#rows tr[data-trend]:nth-child(6)"],
  ["notifications", "/notifications", ".notice:nth-child(5)"],
  ["chat", "/chat", "#messages li:nth-child(10)"],
];

const MESSAGES = [
  ["Ann", "Good morning"],
  ["Ann", "Has anybody seen the release notes? They should be on the wiki by now, and I would like to link them from the dashboard."],
  ["Bob", "Not yet. I will look after lunch."],
  ["<b>Mallory</b>", "<img src=x onerror=alert(1)>"],
  ["John", "They are there now:\n- what is new\n- what is gone"],
  ["Ann", "Thank you!"],
];

const NOTIFICATIONS = [
  ["system", "info", "Server started", "sse-server 0.1.0 on example"],
  ["deploy", "success", "Version 3 is live", "All nodes have it."],
  ["sales", "info", "Order 1204: two chairs and a table", ""],
  ["security", "warning", "Five failed logins of admin", "From 198.51.100.7, within a minute.\nThe address is blocked until tomorrow."],
  ["system", "critical", "Low disk space on /data: 4.2 % available", "8.4 GiB of 200.0 GiB on this disk."],
];

it("screenshots", { skip: directory ? false : "SCREENSHOT_DIR is not set" }, async () => {
  await mkdir(directory, { recursive: true });
  const server = await Server.start();
  const browser = await launchBrowser();
  try {
    // Enough samples for lines in the charts.
    const first = await newPage(browser);
    await first.page.goto(`${server.url}/dashboard`);
    await receiveMore(first.page, "metrics", 5);
    for (const [category, severity, title, text] of NOTIFICATIONS) {
      await fetch(`${server.url}/notifications`, { method: "POST", body: JSON.stringify({ category, severity, title, text }) });
    }
    for (const [username, text] of MESSAGES) {
      await fetch(`${server.url}/chat/messages`, { method: "POST", body: JSON.stringify({ username, text }) });
    }
    for (const username of ["Ann", "Bob", "<b>Mallory</b>"]) {
      await fetch(`${server.url}/chat/presence`, { method: "POST", body: JSON.stringify({ username, client: "picture", leaseSeconds: 300 }) });
    }
    for (const colorScheme of ["light", "dark"]) {
      for (const [size, width, height] of [["wide", 1440, 900], ["phone", 390, 844]]) {
        for (const [name, address, ready] of PAGES) {
          const { page, close } = await newPage(browser, { colorScheme, viewport: { width, height } });
          await page.addInitScript(() => localStorage.setItem("sse-hub.chat.name", "John"));
          await page.goto(server.url + address);
          await page.waitForSelector(ready, { state: "attached" });
          await textMatches(page, ".connection-state", /^Live$/);
          const file = path.join(directory, `${name}-${size}-${colorScheme}.png`);
          await page.screenshot({ path: file, fullPage: true });
          assert.ok((await stat(file)).size > 5_000, `${file} is next to empty`);
          await close();
        }
      }
    }
  } finally {
    await browser.close();
    await server.stop();
  }
});


/** The README's pictures are the same whenever they are taken: everything on them has this time. */
const NOON = Date.UTC(2026, 10, 30, 12);
const README_SIZE = { width: 1280, height: 776 };

/** Records of `GET /poll`, the newest at noon. */
const records = (topic, event, spacingMs, contents) =>
  contents.map((content, n) => {
    const time = new Date(NOON - (contents.length - 1 - n) * spacingMs).toISOString();
    return { id: `a-${n + 1}`, topic, event, time, data: JSON.stringify({ ...content, time }) };
  });

/** Calm waves in place of a host's figures. */
function samples(count) {
  const wave = (n, period, low, high) => low + ((high - low) * (1 + Math.sin(n / period) * Math.cos(n / (period * 2.7)))) / 2;
  return Array.from({ length: count }, (_, n) => ({
    cpuLoad: wave(n, 20, 0.4, 1.4),
    loadAverage: [wave(n, 20, 0.4, 1.4), wave(n, 45, 0.6, 1), wave(n, 90, 0.7, 0.9)],
    cpuUsage: wave(n, 9, 12, 42),
    cpus: [wave(n, 9, 8, 60), wave(n, 7, 10, 35), wave(n, 12, 5, 48), wave(n, 5, 15, 30)],
    cpuCount: 4,
    totalMemory: 16_384,
    freeMemory: wave(n, 60, 2500, 3900),
    availableMemory: wave(n, 60, 9200, 10_100),
    usedMemory: 16_384 - wave(n, 60, 9200, 10_100),
    totalSwap: 4096,
    usedSwap: 310,
    uptime: 1_234_567 + 2 * n,
    disks: [
      { name: "/dev/nvme0n1p2", mountPoint: "/", fileSystem: "ext4", total: 238_000, available: 141_000 },
      { name: "/dev/sda1", mountPoint: "/srv", fileSystem: "xfs", total: 953_000, available: 164_000 },
    ],
    networks: [
      { name: "eth0", receivedPerSecond: wave(n, 6, 90_000, 1_400_000), transmittedPerSecond: wave(n, 8, 40_000, 600_000), receivedTotal: 84e9, transmittedTotal: 31e9 },
      { name: "wlan0", receivedPerSecond: 0, transmittedPerSecond: 0, receivedTotal: 0, transmittedTotal: 0 },
    ],
    hostName: "harbour",
    os: "Debian GNU/Linux 12",
    processCount: 214,
    interval: 2,
  }));
}

const TALK = [
  ["Ann", "Good morning! The release is out."],
  ["Bob", "Already on staging. I restarted the server twice while you typed that, and nothing was lost."],
  ["Carol", "My train went through a tunnel and the messages were all there on the other side."],
  ["Bob", "It resumes after the last event you saw. The dashboard does the same."],
  ["John", "Who else is reading along?\nI can see four people in the list."],
  ["Ann", "Just us. One curl, and everybody else knows too."],
].map(([username, text], n) => ({ id: `m${n}`, username, text }));

const README_PAGES = [
  ["dashboard", records("metrics", "metrics", 2000, samples(151)), "#interfaces tr"],
  ["chat", records("chat/lobby", "newMessage", 47_000, TALK), "#messages .message:nth-of-type(7)"],
];

it("pictures of the README", { skip: readme ? false : "README_IMAGES_DIR is not set" }, async () => {
  await mkdir(readme, { recursive: true });
  const server = await Server.start();
  const browser = await launchBrowser();
  try {
    for (const colorScheme of ["light", "dark"]) {
      for (const [name, events, ready] of README_PAGES) {
        const { page, problems, close } = await newPage(browser, { colorScheme, viewport: README_SIZE, timezoneId: "UTC" });
        // The page reads this history, and then a live stream on which nothing happens.
        await forbid(page, "SharedWorker", "locks");
        await page.route("**/poll?*", (route) => route.fulfill({ json: { events, next: events.at(-1).id } }));
        await page.route("**/events?*", (route) => route.continue({ url: `${server.url}/events?topic=quiet` }));
        await page.route("**/chat/users*", (route) => route.fulfill({ json: { users: ["Ann", "Bob", "Carol", "John"] } }));
        await page.route("**/chat/presence", (route) => route.fulfill({ json: { username: "John", users: 4 } }));
        await page.addInitScript(() => localStorage.setItem("sse-hub.chat.name", "John"));
        await page.goto(`${server.url}/${name}`);
        await page.waitForSelector(ready, { state: "attached" });
        await textMatches(page, ".connection-state", /^Live$/);
        const file = path.join(readme, `${name}-${colorScheme}.png`);
        await page.screenshot({ path: file, animations: "disabled" });
        const { size } = await stat(file);
        assert.ok(size > 5_000 && size < 150_000, `${file} has ${size} bytes`);
        assert.deepEqual(problems, []);
        await close();
      }
    }
  } finally {
    await browser.close();
    await server.stop();
  }
});
