// Pictures of the pages, for people to look at: written to SCREENSHOT_DIR, left out when that is not set.

import assert from "node:assert/strict";
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import { it } from "node:test";
import { launchBrowser, newPage, receiveMore, Server, textMatches } from "./harness.mjs";

const directory = process.env.SCREENSHOT_DIR;

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
  ["system", "critical", "Low disk space on /data: 4.2 % available", "8.4 GB of 200.0 GB on this disk."],
];

it("screenshots", { skip: directory ? false : "SCREENSHOT_DIR is not set" }, async () => {
  await mkdir(directory, { recursive: true });
  const server = await Server.start();
  const browser = await launchBrowser();
  try {
    // One visitor is enough to wake the sampler; everybody later gets its samples from the start.
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
