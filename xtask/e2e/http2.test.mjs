// Over TLS browsers speak HTTP/2: many event streams of one tab, one connection.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, Server, SUITE, until } from "./harness.mjs";
import { makeCertificate } from "./site.mjs";

const STREAMS = 50;

describe("HTTP/2", SUITE, () => {
  let server;
  let browser;
  before(async () => {
    const { certificate, key } = makeCertificate();
    server = await Server.start("--apps", "none", "--tls-cert", certificate, "--tls-key", key);
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  it("fifty EventSources in one tab share a connection, and end with it", async () => {
    const tab = await newPage(browser, { ignoreHTTPSErrors: true });
    await tab.page.goto(`${server.url}/hub`);
    await tab.page.evaluate((streams) => {
      window.data = [];
      window.sources = Array.from({ length: streams }, (_, nth) => {
        const source = new EventSource(`/events?topic=shared&topic=own/${nth}&greeting=off`);
        source.onmessage = (event) => window.data.push(event.data);
        return source;
      });
    }, STREAMS);
    await until(() => server.subscriptions === STREAMS, "all streams are open");
    // More requests find room beside them.
    for (const [topic, body] of [["shared", "to all"], ["own/7", "to one"]]) {
      const answer = ([to, data]) => fetch(`/topics/${to}`, { method: "POST", body: data }).then(({ status }) => status);
      assert.equal(await tab.page.evaluate(answer, [topic, body]), 200);
    }
    await tab.page.waitForFunction((expected) => window.data.length === expected, STREAMS + 1);
    assert.equal(await tab.page.evaluate(() => window.data.filter((data) => data === "to one").length), 1);
    assert.equal(server.subscribingConnections, 1);
    await tab.page.evaluate(() => window.sources.slice(10).forEach((source) => source.close()));
    await until(() => server.subscriptions === 10, "closed streams leave, and the others stay");
    assert.deepEqual(tab.problems, []);
    await tab.close();
    await until(() => server.subscriptions === 0, "none is left");
  });
});
