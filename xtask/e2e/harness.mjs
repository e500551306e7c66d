// The real server as a child process, and the real browser: start, stop, restart, open pages, wait for conditions.
// Holds no assertion about a feature.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import readline from "node:readline";
import { chromium } from "playwright-core";

export const repository = path.resolve(import.meta.dirname, "../..");

/** A program of the workspace, named by an environment variable that `cargo xtask e2e` sets. */
export function program(variable) {
  const file = process.env[variable];
  assert.ok(file, `${variable} is not set: run these tests by \`cargo xtask e2e\``);
  return path.resolve(repository, file);
}

/**
 * Longest wait for anything whose time is not what is tested: generous, because a busy machine is no fault of ours. What
 * promises a time is measured where it happens, inside the page.
 */
export const DEADLINE_MS = 30_000;
/** Options of a suite: it ends, whatever hangs. */
export const SUITE = { timeout: 600_000 };
/** Kept end of what the server logs, shown when it fails. */
const LOG_CHARACTERS = 8_000;

const folders = new Set();
process.once("exit", () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })));

/** A new folder, removed when the tests of this file are over. */
export function scratchFolder() {
  const folder = mkdtempSync(path.join(tmpdir(), "sse-e2e-"));
  folders.add(folder);
  return folder;
}

export class Server {
  #args;
  #child;
  #log = "";
  #data = scratchFolder();
  #opened = 0;
  #closed = 0;
  #peers = new Set();
  #scheme = "http";
  port = 0;

  constructor(args) {
    this.#args = args;
  }

  static async start(...args) {
    const server = new Server(args);
    await server.start();
    return server;
  }

  get url() {
    return `${this.#scheme}://127.0.0.1:${this.port}`;
  }

  /** How many subscriptions the running server has open, from what it logs. */
  get subscriptions() {
    return this.#opened - this.#closed;
  }

  /** How many subscriptions the running server has opened so far. */
  get subscriptionsOpened() {
    return this.#opened;
  }

  /** From how many connections these came. */
  get subscribingConnections() {
    return this.#peers.size;
  }

  /** The end of what the server has logged. */
  get log() {
    return this.#log;
  }

  /** Port 0 at first; after a stop the same port again. */
  async start() {
    const args = ["--listen", `127.0.0.1:${this.port}`, "--data-dir", this.#data, ...this.#args];
    // Silent of itself unless a test says `--alerts on`, so that the events of a test are those it makes.
    // Subscriptions are counted by what it logs.
    const env = { ...process.env, SSE_ALERTS: "off", SSE_LOG: "debug" };
    const child = spawn(program("SSE_SERVER_BIN"), args, { cwd: repository, env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    this.#opened = 0;
    this.#closed = 0;
    this.#peers.clear();
    readline.createInterface({ input: child.stderr }).on("line", (line) => {
      this.#log = `${this.#log}${line}\n`.slice(-LOG_CHARACTERS);
      if (line.includes("subscription opened")) {
        this.#opened += 1;
        this.#peers.add(/peer=(\S+)/.exec(line)?.[1]);
      }
      if (line.includes("subscription closed")) this.#closed += 1;
    });
    this.port = await new Promise((resolve, reject) => {
      const fail = (why) => reject(new Error(`${why}\n${this.#log}`));
      const timer = setTimeout(() => fail(`server did not listen within ${DEADLINE_MS} ms`), DEADLINE_MS);
      child.once("error", (error) => fail(`server did not start: ${error.message}`));
      child.once("exit", (code, signal) => fail(`server ended with ${code ?? signal} before it listened`));
      readline.createInterface({ input: child.stdout }).on("line", (line) => {
        const found = /^listening on (https?):\/\/127\.0\.0\.1:(\d+)/.exec(line);
        if (!found) return;
        clearTimeout(timer);
        this.#scheme = found[1];
        resolve(Number(found[2]));
      });
    });
  }

  /** Restarts the server as a bare hub while this runs: then the applications' topics take events from anybody. */
  async asBareHub(work) {
    const args = this.#args;
    await this.stop();
    this.#args = ["--apps", "none"];
    await this.start();
    await work();
    await this.stop();
    this.#args = args;
    await this.start();
  }

  /** Ends the server as a crash does. */
  async kill() {
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
    this.#child = undefined;
  }

  /** Ends the server as an operator does, and fails when it does not end cleanly. How soon it does is tested in Rust. */
  async stop() {
    const child = this.#child;
    this.#child = undefined;
    if (!child) return;
    assert.equal(child.exitCode ?? child.signalCode, null, `server had ended by itself\n${this.#log}`);
    const ended = once(child, "exit");
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), DEADLINE_MS);
    const [code, signal] = await ended;
    clearTimeout(timer);
    assert.equal(code, 0, `server ended with ${code ?? signal} on SIGTERM\n${this.#log}`);
  }
}

const CHROMIUM = {
  executablePath: process.env.CHROMIUM_BIN || "/usr/bin/chromium",
  args: [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

/** A browser with an empty profile of its own that calls nobody. */
export function launchBrowser() {
  return chromium.launch(CHROMIUM);
}

/**
 * The one context of a browser that keeps cookies of other sites, as a private one does not, and takes any certificate. These names
 * are of this machine.
 */
export function launchProfile(...names) {
  const folder = scratchFolder();
  mkdirSync(path.join(folder, "Default"));
  const settings = { profile: { cookie_controls_mode: 0, block_third_party_cookies: false } };
  writeFileSync(path.join(folder, "Default/Preferences"), JSON.stringify(settings));
  const rules = names.map((name) => `MAP ${name} 127.0.0.1`).join(",");
  const args = [...CHROMIUM.args, `--host-resolver-rules=${rules}`];
  return chromium.launchPersistentContext(folder, { ...CHROMIUM, args, ignoreHTTPSErrors: true });
}

/**
 * A page in a context of its own. `problems` collects console errors and warnings, uncaught exceptions and violations of
 * the content security policy. `window.received` counts by type what native EventSources and our own client delivered;
 * `window.shift` is the sum of layout shifts.
 */
export async function newPage(browser, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  const problems = [];
  page.on("pageerror", (error) => problems.push(`exception: ${error.message}`));
  page.on("console", (message) => {
    // Browsers ask for this by themselves when a page names no icon, as the tutorial's do not.
    if (message.location().url.endsWith("/favicon.ico")) return;
    if (["error", "warning"].includes(message.type())) problems.push(`${message.type()}: ${message.text()}`);
  });
  await page.addInitScript(() => {
    window.received = {};
    window.shift = 0;
    const count = (event) => {
      window.received[event.type] = (window.received[event.type] ?? 0) + 1;
    };
    window.EventSource = class extends window.EventSource {
      constructor(...args) {
        super(...args);
        for (const type of ["message", "connected", "metrics", "gap"]) this.addEventListener(type, count);
      }
    };
    // Our client makes each event that it hands out; the browser's own are not made by a script.
    window.MessageEvent = class extends window.MessageEvent {
      constructor(...args) {
        super(...args);
        count(this);
      }
    };
    addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`);
    });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) window.shift += entry.value;
    }).observe({ type: "layout-shift", buffered: true });
  });
  return { page, context, problems, close: () => context.close() };
}

/** How many events of a type the page has received so far. */
export const received = (page, type) => page.evaluate((name) => window.received[name] ?? 0, type);

/** Waits until `more` further events of a type have come in. */
export async function receiveMore(page, type, more, timeout = DEADLINE_MS) {
  const target = (await received(page, type)) + more;
  await page.waitForFunction(([name, n]) => (window.received[name] ?? 0) >= n, [type, target], { timeout });
}

/** Waits until an element's text matches. */
export function textMatches(page, selector, pattern, timeout = DEADLINE_MS) {
  return page.waitForFunction(
    ([where, source]) => new RegExp(source).test(document.querySelector(where)?.textContent ?? ""),
    [selector, pattern.source],
    { timeout },
  );
}

/** Waits until a condition of the test's own holds. */
export async function until(condition, what, timeout = DEADLINE_MS) {
  const end = performance.now() + timeout;
  while (!(await condition())) {
    assert.ok(performance.now() < end, `not within ${timeout} ms: ${typeof what === "function" ? what() : what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

/** Body of an event stream from `[type, data, id]` triples. An event with an id has a topic: `greetings`, or what its type is called. */
export function streamBody(events) {
  return events
    .map(([type, data, id]) => `${id ? `id: ${id}\ntopic: ${type === "message" ? "greetings" : type}\n` : ""}event: ${type}\ndata: ${typeof data === "string" ? data : JSON.stringify(data)}\n\n`)
    .join("");
}

/** Takes away what tabs share a connection by. To be called before the page is opened. */
export function forbid(page, ...what) {
  return page.addInitScript((names) => {
    if (names.includes("SharedWorker")) delete window.SharedWorker;
    if (names.includes("locks")) Object.defineProperty(navigator, "locks", { value: undefined });
  }, what);
}

/** Lets the test answer for the hub's log: the page reads it itself, and finds it empty and at `a-0`. */
export async function fakeHub(page) {
  await forbid(page, "SharedWorker", "locks");
  await page.route("**/poll?*", (route) => route.fulfill({ json: { events: [], next: "a-0" } }));
}

/** Answers a stream's address in the server's place; the answer ends after its events. To be called before the page is opened. */
export async function fakeStream(page, pattern, events) {
  await fakeHub(page);
  await page.route(pattern, (route) =>
    route.fulfill({ status: 200, contentType: "text/event-stream", headers: { "cache-control": "no-cache" }, body: streamBody(events) }),
  );
}

/** Publishes one event as any back end does; gives its id. */
export async function publish(server, topic, body, headers = {}) {
  const response = await fetch(`${server.url}/topics/${topic}`, { method: "POST", body, headers });
  const text = await response.text();
  assert.equal(response.status, 200, text);
  return JSON.parse(text).id;
}
