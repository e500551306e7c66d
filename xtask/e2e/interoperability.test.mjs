// What the server sends is read the same by the browser, by sse-cli, by a foreign parser, and by that parser behind `curl -N`.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, it } from "node:test";
import { promisify } from "node:util";
import { launchBrowser, newPage, program, repository, Server, SUITE } from "./harness.mjs";

const run = promisify(execFile);

/** Events that are compared. */
const EVENTS = 10;
/** Events that are read: the compared ones, the greeting, and one to spare. */
const READ = EVENTS + 2;
/** Ten events take some 15 s at two per five and one per two seconds, on a fresh server. */
const DEADLINE_MS = 120_000;

/** The greeting is no record of the log: its time differs for each reader. */
const isGreeting = ({ event, data }) => event === "message" && data.includes('"Connected to event stream"');

const logged = (events) =>
  events
    .map(({ id, event, data }) => ({ id, event: event || "message", data }))
    .filter((event) => !isGreeting(event))
    .slice(0, EVENTS);

async function readLines(variable, ...args) {
  const { stdout } = await run(program(variable), args, { cwd: repository, timeout: DEADLINE_MS, env: { ...process.env, NO_COLOR: "1" } });
  const lines = stdout.split("\n").filter(Boolean);
  assert.equal(lines.length, READ, `${variable} ${args.join(" ")} printed ${lines.length} lines`);
  return logged(lines.map((line) => JSON.parse(line)));
}

async function readInBrowser(browser, server, path) {
  const { page, close } = await newPage(browser);
  await page.goto(`${server.url}/favicon.svg`);
  const events = await page.evaluate(
    ([url, count]) =>
      new Promise((done, fail) => {
        const found = [];
        const source = new EventSource(url);
        const take = ({ type, data, lastEventId }) => {
          found.push({ id: lastEventId, event: type, data });
          if (found.length < count) return;
          source.close();
          done(found);
        };
        for (const type of ["message", "metrics", "gap"]) source.addEventListener(type, take);
        source.onerror = () => fail(new Error("the stream broke"));
      }),
    [path, READ],
  );
  await close();
  return logged(events);
}

describe("interoperability", SUITE, () => {
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

  it("the same ten events, whoever reads them", { timeout: DEADLINE_MS }, async () => {
    const path = "/events?last_event_id=earliest";
    const url = server.url + path;
    const count = ["--count", String(READ)];
    const [inBrowser, byCli, byForeigner, byCurl] = await Promise.all([
      readInBrowser(browser, server, path),
      readLines("SSE_CLI_BIN", "tail", `${server.url}/events`, "--json", "--last-event-id", "earliest", ...count),
      readLines("XTASK_BIN", "foreign-reader", url, ...count),
      readLines("XTASK_BIN", "foreign-reader", url, ...count, "--via", "curl"),
    ]);
    assert.equal(inBrowser.length, EVENTS);
    assert.equal(new Set(inBrowser.map(({ id }) => id)).size, EVENTS, "ids repeat");
    for (const { id } of inBrowser) assert.match(id, /^[0-9a-z]+-\d+$/);
    assert.deepEqual([...new Set(inBrowser.map(({ event }) => event))].sort(), ["message", "metrics"]);
    assert.deepEqual(byCli, inBrowser);
    assert.deepEqual(byForeigner, inBrowser);
    assert.deepEqual(byCurl, inBrowser);
  });
});
