// Firefox as it is installed, driven over its Marionette protocol: Playwright drives only builds of its own. Offers what the
// tests of both browsers need: tabs that go to an address and evaluate functions.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import path from "node:path";
import { scratchFolder, until } from "./harness.mjs";

const FIREFOX = process.env.FIREFOX_BIN || "/usr/bin/firefox-esr";

/** A free port for Marionette, and no calls to anybody. */
const SETTINGS = `
user_pref("marionette.port", 0);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("toolkit.telemetry.enabled", false);
user_pref("app.normandy.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("network.connectivity-service.enabled", false);
`;

/** Runs a function of the test in the page, and waits for what it promises. */
const EVALUATE = (source) => `
  const [argument, done] = arguments;
  Promise.resolve((${source})(argument)).then((value) => done({ value }), (error) => done({ error: String(error) }));
`;

/** Why it cannot be tested here; false if it can. */
export const noFirefox = existsSync(FIREFOX) ? false : `there is no ${FIREFOX}`;

/** A Firefox with an empty profile of its own. */
export async function launchFirefox() {
  const profile = scratchFolder();
  writeFileSync(path.join(profile, "user.js"), SETTINGS);
  const args = ["--headless", "--no-remote", "--marionette", "--profile", profile];
  const child = spawn(FIREFOX, args, { stdio: "ignore", env: { ...process.env, HOME: profile } });
  const portFile = path.join(profile, "MarionetteActivePort");
  await until(() => existsSync(portFile) && readFileSync(portFile, "utf8") !== "", "Firefox listens");
  const marionette = await Marionette.connect(Number(readFileSync(portFile, "utf8")));
  await marionette.send("WebDriver:NewSession", {});
  return {
    async openTab() {
      const { handle } = await marionette.send("WebDriver:NewWindow", { type: "tab" });
      return new Tab(marionette, handle);
    },
    async close() {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    },
  };
}

class Tab {
  #marionette;
  #handle;

  constructor(marionette, handle) {
    this.#marionette = marionette;
    this.#handle = handle;
  }

  goto(url) {
    return this.#send("WebDriver:Navigate", { url });
  }

  async evaluate(work, argument = null) {
    const script = EVALUATE(work);
    const { value } = await this.#send("WebDriver:ExecuteAsyncScript", { script, args: [argument], scriptTimeout: 30_000 });
    assert.equal(value.error, undefined);
    return value.value;
  }

  #send(name, parameters) {
    return this.#marionette.sendTo(this.#handle, name, parameters);
  }
}

/** The connection: messages are JSON with their length in front. One command is under way at a time. */
class Marionette {
  #socket;
  #buffer = Buffer.alloc(0);
  #sent = 0;
  #answer = { resolve() {}, reject() {} };
  /** Settles when the last command is over. */
  #idle = Promise.resolve();

  static async connect(port) {
    const marionette = new Marionette();
    marionette.#socket = connect(port, "127.0.0.1");
    marionette.#socket.on("data", (data) => marionette.#received(data));
    marionette.#socket.on("error", () => {});
    marionette.#socket.on("close", () => marionette.#answer.reject(new Error("Firefox is gone")));
    await once(marionette.#socket, "connect");
    return marionette;
  }

  send(name, parameters) {
    const text = JSON.stringify([0, (this.#sent += 1), name, parameters]);
    return new Promise((resolve, reject) => {
      this.#answer = { resolve, reject };
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  /** A command for one tab. */
  sendTo(handle, name, parameters) {
    const answer = this.#idle.then(async () => {
      // Without bringing it to the front, which many times a second would keep Firefox busy.
      await this.send("WebDriver:SwitchToWindow", { handle, focus: false });
      return this.send(name, parameters);
    });
    this.#idle = answer.catch(() => {});
    return answer;
  }

  #received(data) {
    this.#buffer = Buffer.concat([this.#buffer, data]);
    for (;;) {
      const colon = this.#buffer.indexOf(":");
      const end = colon + 1 + Number(this.#buffer.subarray(0, Math.max(colon, 0)));
      if (colon < 0 || this.#buffer.length < end) return;
      this.#answered(JSON.parse(this.#buffer.subarray(colon + 1, end)));
      this.#buffer = this.#buffer.subarray(end);
    }
  }

  #answered(message) {
    // The greeting is no answer.
    if (!Array.isArray(message)) return;
    const [, , error, result] = message;
    if (error) this.#answer.reject(new Error(`${error.error}: ${error.message}`));
    else this.#answer.resolve(result);
  }
}
