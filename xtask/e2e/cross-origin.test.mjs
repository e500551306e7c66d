// Pages of another origin than the hub's, as a development server serves them, in Chromium and in Firefox.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, publish, Server, SUITE, until } from "./harness.mjs";
import { launchFirefox, noFirefox } from "./firefox.mjs";
import { startSite } from "./site.mjs";

async function launchChromium() {
  const browser = await launchBrowser();
  const context = await browser.newContext();
  return { openTab: () => context.newPage(), close: () => browser.close() };
}

for (const [name, launch, skip] of [
  ["Chromium", launchChromium, false],
  ["Firefox", launchFirefox, noFirefox],
]) {
  describe(`from another origin, ${name}`, { ...SUITE, skip }, () => {
    let server;
    let site;
    let browser;
    before(async () => {
      server = await Server.start("--apps", "none");
      // Of another name than the hub, so not even same-site.
      site = await startSite("localhost");
      browser = await launch();
    });
    after(async () => {
      await browser?.close();
      site?.stop();
      await server?.stop();
    });

    const openTab = async () => {
      const tab = await browser.openTab();
      await tab.goto(site.url);
      return tab;
    };
    const sees = (tab, ...texts) =>
      until(async () => {
        const seen = await tab.evaluate(() => window.seen);
        return texts.every((text) => seen.includes(text));
      }, `an event each of ${texts}`);

    it("EventSource, with and without credentials, resumes", async () => {
      const tab = await openTab();
      await tab.evaluate((hub) => {
        window.seen = [];
        for (const withCredentials of [true, false]) {
          const source = new EventSource(`${hub}/events?topic=sourced`, { withCredentials });
          source.addEventListener("note", ({ data }) => window.seen.push(`${withCredentials} ${data}`));
          source.onopen = () => window.seen.push(`${withCredentials} open`);
        }
      }, server.url);
      await sees(tab, "true open", "false open");
      await publish(server, "sourced", "first", { "Event-Type": "note" });
      await sees(tab, "true first", "false first");
      await server.kill();
      await server.start();
      await publish(server, "sourced", "missed", { "Event-Type": "note" });
      await sees(tab, "true missed", "false missed");
      assert.equal((await tab.evaluate(() => window.seen)).filter((text) => text.endsWith("first")).length, 2);
      await tab.evaluate(() => void location.replace("about:blank"));
    });

    it("fetch publishes, reads, and can read each refusal", async () => {
      const tab = await openTab();
      const answers = await tab.evaluate(async (hub) => {
        const ask = async (address, options) => {
          const answer = await fetch(hub + address, { credentials: "include", ...options });
          const { detail, count } = await answer.json();
          return [answer.status, detail ?? count ?? "", answer.headers.get("allow")];
        };
        const headers = { "Content-Type": "application/json", "Idempotency-Key": "k", "Last-Event-ID": "x", Authorization: "Bearer x" };
        return [
          await ask("/topics/fetched", { method: "POST", headers, body: "{}" }),
          await ask("/topics/fetched", { method: "DELETE" }),
          await ask("/topics/fetched?no-such=1"),
          await ask("/nothing"),
          await ask("/topics", { method: "DELETE" }),
          await ask("/topics/fetched", { method: "POST", body: "x".repeat(2 << 20) }),
        ];
      }, server.url);
      assert.deepEqual(answers.map(([status]) => status), [200, 200, 400, 404, 405, 413]);
      assert.equal(answers[1][1], 1);
      assert.match(answers[2][1], /unknown parameter/);
      assert.equal(answers[4][2], "GET, HEAD, POST");
      assert.match(answers[5][1], /at most/);
    });

    for (const [whose, ownModule] of [
      ["of the hub: a tab leads", false],
      ["of the page", true],
    ]) {
      it(`sse.js ${whose}; tabs share a connection`, async () => {
        const tabs = [await openTab(), await openTab()];
        const topic = `shared/${ownModule}`;
        const open = async ({ hub, topic, ownModule }) => {
          const { SseClient } = await import(ownModule ? "/sse.js" : `${hub}/sse.js`);
          window.seen = [];
          window.client = new SseClient("/events", { topics: [topic], minDelayMs: 50, ...(ownModule && { hub }) });
          window.client.on("message", ({ data }) => window.seen.push(data));
          window.client.open();
        };
        for (const tab of tabs) await tab.evaluate(open, { hub: server.url, topic, ownModule });
        for (const tab of tabs) await until(() => tab.evaluate(() => window.client.state === "live"), "live");
        await publish(server, topic, "to both");
        for (const tab of tabs) await sees(tab, "to both");
        assert.equal(server.subscriptions, 1);
        await tabs[0].evaluate(() => void location.replace("about:blank"));
        await publish(server, topic, "to the other");
        await sees(tabs[1], "to the other");
        const problem = await tabs[1].evaluate(async () => {
          window.client.addTopic("not a topic");
          await new Promise((done) => window.client.addEventListener("statechange", () => window.client.problem && done()));
          return window.client.problem;
        });
        assert.match(problem, /400.*cannot contain/);
        await tabs[1].evaluate(() => void location.replace("about:blank"));
        await until(() => server.subscriptions === 0, "the connection is closed");
      });
    }

    it("a page that has no origin can neither act nor read", async () => {
      const tab = await openTab();
      const read = await tab.evaluate(async (hub) => {
        const told = new Promise((done) => addEventListener("message", ({ data }) => done(data)));
        const frame = document.createElement("iframe");
        frame.sandbox = "allow-scripts allow-forms";
        frame.srcdoc = `<script>
          (async () => {
            await fetch("${hub}/topics/stolen", { method: "POST", mode: "no-cors", body: "x" }).catch(() => {});
            const read = await fetch("${hub}/topics").then(() => true, () => false);
            parent.postMessage(read, "*");
          })();
        </script>`;
        document.body.append(frame);
        return told;
      }, server.url);
      assert.equal(read, false);
      const { topics } = await (await fetch(`${server.url}/topics?prefix=stolen`)).json();
      assert.deepEqual(topics, []);
    });
  });
}
