// Over TLS browsers speak HTTP/2: many event streams of one tab, one connection.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, scratchFolder, Server, SUITE, until } from "./harness.mjs";

const STREAMS = 50;

/** Files of a new certificate for this machine, and its key. */
function makeCertificate() {
  const [certificate, key] = ["cert.pem", "key.pem"].map((name) => path.join(scratchFolder(), name));
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1";
  const names = ["-addext", "subjectAltName=IP:127.0.0.1"];
  execFileSync("openssl", [...request.split(" "), ...names, "-keyout", key, "-out", certificate], { stdio: "ignore" });
  return ["--tls-cert", certificate, "--tls-key", key];
}

describe("HTTP/2", SUITE, () => {
  let server;
  let browser;
  before(async () => {
    server = await Server.start("--apps", "none", ...makeCertificate());
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
