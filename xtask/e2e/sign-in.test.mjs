// The header's sign-in, against a server with `[auth]`.

import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { DEADLINE_MS, Server, SUITE, launchBrowser, newPage, scratchFolder, textMatches } from "./harness.mjs";

const SECRET = "a secret of more than thirty-two bytes";
const SETTINGS = `[auth]\n[[auth.jwt]]\nalgorithm = "HS256"\nsecret = "${SECRET}"\n`;

function tokenOf(name, grants) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { sub: name, name, exp: Math.floor(Date.now() / 1000) + 600, sse: grants };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}

describe("sign-in", SUITE, () => {
  let server, browser;

  before(async () => {
    const settings = path.join(scratchFolder(), "hub.toml");
    writeFileSync(settings, SETTINGS);
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
});
