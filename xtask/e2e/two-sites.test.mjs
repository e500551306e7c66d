// Hub and page on two sites that have nothing in common, both over TLS, with tokens.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, beforeEach, describe, it } from "node:test";
import { DEADLINE_MS, launchProfile, scratchFolder, Server, SUITE, until } from "./harness.mjs";
import { makeCertificate, startSite } from "./site.mjs";
import { auth, tokenOf } from "./tokens.mjs";

const HUB = "hub.test";
const PAGE = "app.example";

describe("hub and page on two sites over TLS", SUITE, () => {
  let server;
  let site;
  let profile;
  let hub;
  before(async () => {
    const tls = makeCertificate(`DNS:${HUB},DNS:${PAGE}`);
    const settings = path.join(scratchFolder(), "hub.toml");
    writeFileSync(settings, auth('cookie_same_site = "none"'));
    site = await startSite(PAGE, tls);
    const files = ["--config", settings, "--tls-cert", tls.certificate, "--tls-key", tls.key];
    server = await Server.start("--apps", "none", ...files, "--allowed-host", HUB, "--allow-origin", site.url);
    hub = `https://${HUB}:${server.port}`;
    profile = await launchProfile(HUB, PAGE);
  });
  beforeEach(() => profile.clearCookies());
  after(async () => {
    await profile?.close();
    site?.stop();
    await server?.stop();
  });

  const openTab = async () => {
    const tab = await profile.newPage();
    await tab.goto(site.url);
    await tab.evaluate((address) => {
      window.hub = address;
      window.seen = [];
    }, hub);
    return tab;
  };
  /** What a person of this name may do. */
  const tokenFor = (name) => tokenOf(name, { subscribe: [`${name}/*`, "all"], publish: ["*"] });
  const signIn = (tab, name) =>
    tab.evaluate(async (body) => {
      const { ok } = await fetch(`${window.hub}/session`, { method: "POST", body, credentials: "include" });
      if (!ok) throw new Error("not signed in");
    }, tokenFor(name));
  const signOut = (tab) => tab.evaluate(() => fetch(`${window.hub}/session`, { method: "DELETE", credentials: "include" }).then(() => {}));
  const publish = async (tab, topic, body) => {
    const publishing = async ([to, text, token]) => {
      const headers = { Authorization: `Bearer ${token}` };
      return (await fetch(`${window.hub}/topics/${to}`, { method: "POST", body: text, headers })).status;
    };
    assert.equal(await tab.evaluate(publishing, [topic, body, tokenFor("publisher")]), 200);
  };
  const sees = (tab, ...texts) =>
    until(async () => {
      const seen = await tab.evaluate(() => window.seen);
      return texts.every((text) => seen.includes(text));
    }, `${texts}`);

  it("fetch publishes with a token, and reads why it is refused without one", async () => {
    const tab = await openTab();
    const answers = await tab.evaluate(async (good) => {
      const ask = async (address, token, options) => {
        const headers = token ? { Authorization: `Bearer ${token}` } : {};
        const answer = await fetch(window.hub + address, { ...options, headers });
        const { detail } = await answer.json();
        return [answer.status, detail ?? "", answer.headers.get("www-authenticate") ?? ""];
      };
      return [
        await ask("/topics/ann/1"),
        await ask("/events?topic=ann/1"),
        await ask("/topics/ann/1", "nonsense"),
        await ask("/events?topic=bob/1", good),
        await ask("/topics/ann/1", good, { method: "POST", body: "x" }),
      ];
    }, tokenFor("ann"));
    assert.deepEqual(answers.map(([status]) => status), [401, 401, 401, 403, 200]);
    assert.match(answers[0][1], /needs a token/);
    assert.match(answers[0][2], /^Bearer/);
    assert.match(answers[2][1], /neither a JWT nor a key/);
    assert.match(answers[3][1], /does not allow subscribing to bob\/1/);
    await tab.close();
  });

  it("EventSource goes by the cookie with credentials, resumes, and ends at sign-out; without credentials it is refused", async () => {
    const tab = await openTab();
    await signIn(tab, "ann");
    await tab.evaluate(() => {
      for (const withCredentials of [true, false]) {
        const source = new EventSource(`${window.hub}/events?topic=ann/*&greeting=off`, { withCredentials });
        const say = (text) => window.seen.push(`${withCredentials} ${text}`);
        source.onopen = () => say("open");
        source.onmessage = ({ data }) => say(data);
        source.onerror = () => say(source.readyState === EventSource.CLOSED ? "closed" : "lost");
      }
    });
    await sees(tab, "true open", "false closed");
    await publish(tab, "ann/1", "first");
    await publish(tab, "bob/1", "not hers");
    await sees(tab, "true first");
    await server.kill();
    await server.start();
    await publish(tab, "ann/1", "missed");
    await sees(tab, "true missed");
    await signOut(tab);
    await sees(tab, "true closed");
    const seen = await tab.evaluate(() => window.seen.filter((text) => !/lost$|open$/.test(text)));
    assert.deepEqual(seen.toSorted(), ["false closed", "true closed", "true first", "true missed"]);
    await tab.close();
  });

  for (const whose of ["the page", "the hub"]) {
    it(`sse.js of ${whose} goes by its token, and says why it is refused`, async () => {
      const tab = await openTab();
      const open = async ([token, own]) => {
        const { SseClient } = await import(own ? "/sse.js" : `${window.hub}/sse.js`);
        const client = new SseClient("/events", { topics: ["ann/*"], hub: window.hub, token });
        client.on("message", ({ data }) => window.seen.push(data));
        client.addEventListener("statechange", () => window.seen.push(`${client.state} ${client.problem ?? ""}`));
        client.open();
      };
      await tab.evaluate(open, [tokenFor("ann"), whose === "the page"]);
      await sees(tab, "live ");
      await publish(tab, "ann/2", "hers");
      await sees(tab, "hers");
      await tab.evaluate(open, ["nonsense", whose === "the page"]);
      await until(() => tab.evaluate(() => window.seen.some((text) => /^closed 401 .*neither a JWT/.test(text))), "it says why");
      await tab.close();
      await until(() => server.subscriptions === 0, "its connection is closed");
    });
  }

  it("sse.js gives who signs in in a second tab nothing of the first one's", async () => {
    const tabs = {};
    for (const name of ["ann", "bob"]) {
      const tab = await openTab();
      tabs[name] = tab;
      await signIn(tab, name);
      await tab.evaluate(async () => {
        const { SseClient } = await import("/sse.js");
        window.client = new SseClient("/events", { hub: window.hub, withCredentials: true });
        window.client.on("message", ({ data }) => window.seen.push(data));
        window.client.open();
      });
      await tab.waitForFunction(() => window.client.state === "live", null, { timeout: DEADLINE_MS });
    }
    for (const name of ["ann", "bob"]) await publish(tabs.ann, `${name}/3`, `to ${name}`);
    await publish(tabs.ann, "all", "to both");
    for (const [name, tab] of Object.entries(tabs)) {
      await sees(tab, "to both");
      assert.deepEqual(await tab.evaluate(() => window.seen), [`to ${name}`, "to both"]);
    }
    await signOut(tabs.bob);
    await tabs.bob.waitForFunction(() => window.client.state === "closed", null, { timeout: DEADLINE_MS });
    assert.match(await tabs.bob.evaluate(() => window.client.problem), /^401 /);
    for (const tab of Object.values(tabs)) await tab.close();
    await until(() => server.subscriptions === 0, "all connections are closed");
  });
});
