// Two people talk in a room as they would: through restarts of the server, reloads, closed tabs, mischief and haste.

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { launchBrowser, newPage, publish, received, Server, SUITE, textMatches, until } from "./harness.mjs";

const SCRIPT = "<script>window.hacked = true</script>";
const IMAGE = "<img src=x onerror=window.hacked=true>";

describe("chat", SUITE, () => {
  let server;
  let browser;
  let rooms = 0;
  before(async () => {
    server = await Server.start("--chat-grace", "8s");
    browser = await launchBrowser();
  });
  after(async () => {
    await browser?.close();
    await server?.stop();
  });

  /** A room that no other test is in. */
  const newRoom = () => `room-${(rooms += 1)}`;

  /** Somebody in a browser of their own, in the room by a name. */
  const person = async (name, room, options) => {
    const opened = await newPage(browser, options);
    await opened.page.goto(`${server.url}/chat?room=${room}`);
    if (name !== null) await choose(opened.page, name);
    await textMatches(opened.page, ".connection-state", /^Live$/);
    return opened;
  };
  const choose = async (page, name) => {
    await page.fill("#name", name);
    await page.keyboard.press("Enter");
    await page.waitForSelector("#write", { state: "visible" });
  };
  const write = async (page, text) => {
    await page.fill("#text", text);
    await page.keyboard.press("Enter");
  };
  const texts = (page) => page.locator("#messages .message-text").allTextContents();
  const unsent = (page) => page.locator("#unsent .message-text").allTextContents();
  const people = (page) => page.locator("#people bdi").allTextContents();
  const notes = (page) => page.locator("#messages .note").allTextContents();

  /** Waits until the room shows these messages, and nothing is on its way. */
  const untilSaid = async (page, expected) => {
    let seen = "";
    const isSaid = async () => {
      const [said, waiting] = [await texts(page), await page.locator("#unsent li").allTextContents()];
      seen = JSON.stringify({ said, waiting, connection: await page.textContent("#connection") });
      return String(said) === String(expected) && waiting.length === 0;
    };
    await until(isSaid, () => `messages ${expected}; instead ${seen}\n${server.log}`);
  };
  const untilHere = (page, expected) => until(async () => String(await people(page)) === String(expected), `people ${expected}`);
  const say = async (room, username, text, key) => {
    const body = JSON.stringify({ room, username, text, key });
    const response = await fetch(`${server.url}/chat/messages`, { method: "POST", body });
    assert.equal(response.status, 200, await response.text());
  };
  const kept = async (room) => (await (await fetch(`${server.url}/topics/chat/${room}?limit=1000`)).json()).events;

  it("lets two people talk, and shows each who is here", async () => {
    const room = newRoom();
    const ann = await person("Ann", room);
    await untilHere(ann.page, ["Ann"]);
    await textMatches(ann.page, "#messages", /Ann joined/);
    const bob = await person("  Bob   B ", room, { viewport: { width: 390, height: 844 }, hasTouch: true });
    await untilHere(ann.page, ["Ann", "Bob B"]);
    await write(ann.page, "Hello Bob");
    await untilSaid(bob.page, ["Hello Bob"]);
    await bob.page.fill("#text", "Hi");
    await bob.page.press("#text", "Shift+Enter");
    await bob.page.locator("#text").pressSequentially("Ann");
    await bob.page.click("#write button");
    for (const { page } of [ann, bob]) await untilSaid(page, ["Hello Bob", "Hi\nAnn"]);
    const lines = ann.page.locator("#messages .message");
    assert.deepEqual(await lines.evaluateAll((all) => all.map((line) => line.classList.contains("own"))), [true, false]);
    assert.deepEqual(await lines.locator(".message-name").allTextContents(), ["Ann", "Bob B"]);
    assert.equal(await ann.page.locator("#messages .day").count(), 1);
    assert.deepEqual([...ann.problems, ...bob.problems], []);
    await ann.close();
    await bob.close();
  });

  it("opens with the newest of the past, by the name that was chosen before", async () => {
    const room = newRoom();
    const lines = Array.from({ length: 120 }, (_, n) => JSON.stringify({ event: "newMessage", data: { id: `m${n}`, username: "old", text: `m${n}`, time: "2026-01-02T03:04:05.678Z" } }));
    await server.asBareHub(() => publish(server, `chat/${room}`, lines.join("\n"), { "content-type": "application/x-ndjson" }));
    const { page, problems, close } = await newPage(browser);
    await page.goto(`${server.url}/chat?room=${room}`);
    await until(async () => (await texts(page)).at(-1) === "m119", "the newest message");
    assert.deepEqual([(await texts(page)).length, (await texts(page))[0]], [100, "m20"]);
    await choose(page, "Ann");
    await page.reload();
    await page.waitForSelector("#write", { state: "visible" });
    await textMatches(page, "#own-name", /^Ann$/);
    assert.deepEqual(problems, []);
    await close();
  });

  for (const how of ["stop", "kill"]) {
    it(`loses and doubles nothing when the server is restarted (${how})`, async () => {
      const room = newRoom();
      const ann = await person("Ann", room);
      const bob = await person("Bob", room);
      await write(ann.page, "before");
      for (const { page } of [ann, bob]) await untilSaid(page, ["before"]);
      await untilHere(ann.page, ["Ann", "Bob"]);
      const arrivals = await notes(ann.page);

      await server[how]();
      await textMatches(ann.page, ".connection-state", /^Reconnecting$/);
      await write(ann.page, "while down, 1");
      await write(ann.page, "while down, 2");
      // Bob's goes nowhere before he is back, however slowly his page is closed: else it can be said before Ann's.
      await bob.context.setOffline(true);
      await write(bob.page, "also while down");
      await until(async () => (await unsent(bob.page)).length === 1, "Bob's message waits");
      await until(async () => (await unsent(ann.page)).length === 2, "two messages wait");
      await textMatches(ann.page, "#unsent", /waiting for the connection/);
      // Who closes the page meanwhile finds the messages again.
      await bob.page.close();
      await server.start();

      const expected = ["before", "while down, 1", "while down, 2"];
      await untilSaid(ann.page, expected);
      await bob.context.setOffline(false);
      bob.page = await bob.context.newPage();
      await bob.page.goto(`${server.url}/chat?room=${room}`);
      for (const { page } of [ann, bob]) await untilSaid(page, [...expected, "also while down"]);
      const said = (await kept(room)).filter(({ event }) => event === "newMessage");
      assert.deepEqual(said.map(({ data }) => JSON.parse(data).text), [...expected, "also while down"]);
      assert.equal(await bob.page.evaluate(() => Object.keys(localStorage).filter((key) => key.includes("unsent")).length), 0);
      // Ann was there all the time, for all anybody could see.
      assert.deepEqual((await notes(ann.page)).filter((note) => note.startsWith("Ann")), arrivals.filter((note) => note.startsWith("Ann")));
      await ann.close();
      await bob.close();
    });
  }

  it("says a message once whose answer was lost", async () => {
    const room = newRoom();
    const ann = await person("Ann", room);
    let lost = 0;
    await ann.page.route("**/chat/messages", async (route) => {
      await route.fetch();
      lost += 1;
      await route.abort();
    });
    await write(ann.page, "once");
    await untilSaid(ann.page, ["once"]);
    await until(() => lost === 1, "the answer is lost");
    await ann.page.unroute("**/chat/messages");
    // A reload finds nothing left to send, or sends it with its key.
    await ann.page.reload();
    await untilSaid(ann.page, ["once"]);
    await write(ann.page, "and on");
    await untilSaid(ann.page, ["once", "and on"]);
    assert.equal((await kept(room)).filter(({ event }) => event === "newMessage").length, 2);
    await ann.close();
  });

  it("sends again when the connection is back, whatever became of what was asked before", async () => {
    const room = newRoom();
    const ann = await newPage(browser);
    // No call gives up by itself.
    await ann.page.addInitScript(() => {
      AbortSignal.timeout = () => new AbortController().signal;
    });
    await ann.page.goto(`${server.url}/chat?room=${room}`);
    await choose(ann.page, "Ann");
    await textMatches(ann.page, ".connection-state", /^Live$/);
    let asked = 0;
    await ann.page.route("**/chat/messages", (route) => {
      asked += 1;
      // The first is never answered.
      if (asked > 1) void route.continue();
    });
    await write(ann.page, "first");
    await until(() => asked === 1, "the first is asked");
    await write(ann.page, "second");
    await server.stop();
    await server.start();
    await untilSaid(ann.page, ["first", "second"]);
    await ann.close();
  });

  it("looks into the history when the server may have forgotten the key", async () => {
    const room = newRoom();
    await say(room, "Ann", "said long ago", "old-1");
    for (let n = 0; n < 3; n += 1) await say(room, `n${n}`, "more", undefined);
    const ann = await newPage(browser);
    const entry = (key, text) => ({ key, room, username: "Ann", text, at: Date.now() - 3_600_000, after: "", tried: Date.now() - 3_600_000, refused: "" });
    await ann.page.addInitScript((entries) => {
      if (localStorage.getItem("put")) return;
      localStorage.setItem("put", "1");
      for (const entry of entries) localStorage.setItem(`sse-hub.chat.unsent.${entry.key}`, JSON.stringify(entry));
      // Another tab's mistake, or a visitor's.
      localStorage.setItem("sse-hub.chat.unsent.broken", "{");
    }, [entry("old-1", "said long ago"), entry("old-2", "never said")]);
    await ann.page.goto(`${server.url}/chat?room=${room}`);
    await untilSaid(ann.page, ["said long ago", "more", "more", "more", "never said"]);
    await ann.close();
  });

  it("keeps a person in the list through a reload, and takes out who has closed the tab", async () => {
    const room = newRoom();
    const ann = await person("Ann", room);
    const bob = await person("Bob", room);
    await untilHere(ann.page, ["Ann", "Bob"]);
    for (let n = 0; n < 3; n += 1) {
      await bob.page.reload();
      await textMatches(bob.page, ".connection-state", /^Live$/);
      await untilHere(bob.page, ["Ann", "Bob"]);
    }
    await write(bob.page, "still here");
    await untilSaid(ann.page, ["still here"]);
    assert.deepEqual([await received(ann.page, "userDisconnected"), ...(await notes(ann.page)).filter((note) => note.startsWith("Bob"))], [0, "Bob joined"]);
    await bob.page.close({ runBeforeUnload: true });
    await untilHere(ann.page, ["Ann"]);
    await textMatches(ann.page, "#messages", /Bob left/);
    await ann.page.click("#change-name");
    await choose(ann.page, "Anna");
    await untilHere(ann.page, ["Anna"]);
    await bob.close();
    await ann.close();
  });

  it("lists who comes while the server's list is on its way", async () => {
    const room = newRoom();
    const ann = await person("Ann", room);
    await untilHere(ann.page, ["Ann"]);
    let release = () => {};
    const released = new Promise((done) => (release = done));
    await ann.page.route("**/chat/users?*", async (route) => {
      const answer = await route.fetch();
      await released;
      await route.fulfill({ response: answer });
    });
    const asked = ann.page.waitForRequest("**/chat/users?*");
    await ann.page.reload();
    await asked;
    await textMatches(ann.page, ".connection-state", /^Live$/);
    const bob = await person("Bob", room);
    await textMatches(ann.page, "#messages", /Bob joined/);
    const answered = ann.page.waitForResponse("**/chat/users?*");
    release();
    await answered;
    await untilHere(bob.page, ["Ann", "Bob"]);
    await untilHere(ann.page, ["Ann", "Bob"]);
    await bob.close();
    await ann.close();
  });

  it("shows what people write as text, wherever it stands", async () => {
    const room = newRoom();
    await server.asBareHub(async () => {
      for (const data of ["no JSON", "null", "{}", '{"id":1,"username":[],"text":{},"time":0}', '{"id":"a","username":"b","text":"c","time":"x"}']) {
        for (const event of ["newMessage", "userConnected", "userDisconnected", "x"]) {
          await publish(server, `chat/${room}`, data, { "Event-Type": event });
        }
      }
    });
    const ann = await person(SCRIPT, room);
    const bob = await person(IMAGE, room);
    await write(ann.page, `${IMAGE}${SCRIPT}`);
    await write(bob.page, SCRIPT);
    for (const { page } of [ann, bob]) {
      await until(async () => (await texts(page)).length === 2, "both messages");
      assert.deepEqual((await texts(page)).sort(), [`${IMAGE}${SCRIPT}`, SCRIPT].sort());
      await untilHere(page, [IMAGE, SCRIPT]);
      assert.equal(await page.locator("#chat img, #chat script").count(), 0);
      assert.equal(await page.evaluate(() => window.hacked), undefined);
    }
    const lost = await newPage(browser);
    for (const evil of [SCRIPT, IMAGE, "a b", "..", "x".repeat(65), "a/b", ""]) {
      await lost.page.goto(`${server.url}/chat?room=${encodeURIComponent(evil)}`);
      await lost.page.waitForSelector("#no-room", { state: "visible" });
      assert.ok((await lost.page.textContent("#no-room")).includes(`“${evil}” is not a valid room name`));
      assert.equal(await lost.page.textContent("#room-name"), evil);
      assert.equal(await lost.page.locator("main img, main script").count(), 0);
      assert.equal(await lost.page.evaluate(() => window.hacked), undefined);
    }
    assert.deepEqual([...ann.problems, ...bob.problems, ...lost.problems], []);
    await Promise.all([ann.close(), bob.close(), lost.close()]);
  });

  it("says what is too long, too fast and no name", async () => {
    const room = newRoom();
    const ann = await person(null, room);
    for (const [name, part] of [["", /visible characters/], [" \u200b ", /visible characters/], ["x".repeat(41), /at most 40 characters; this one has 41/]]) {
      await ann.page.fill("#name", name);
      await ann.page.keyboard.press("Enter");
      await textMatches(ann.page, "#name-problem", part);
    }
    // What only the server refuses brings the form back.
    await ann.page.fill("#name", "a\u202eb");
    await ann.page.keyboard.press("Enter");
    await textMatches(ann.page, "#name-problem", /control character U\+202E/);
    await choose(ann.page, "Ann");
    await ann.page.fill("#text", "👋".repeat(1900));
    await textMatches(ann.page, "#text-note", /^100 characters left$/);
    await ann.page.fill("#text", "x".repeat(2003));
    await textMatches(ann.page, "#text-note", /3 characters over the limit of 2,000/);
    await ann.page.keyboard.press("Enter");
    assert.equal((await ann.page.inputValue("#text")).length, 2003, "what was written is still there");
    await write(ann.page, "   ");
    const many = Array.from({ length: 9 }, (_, n) => `quick ${n}`);
    // In one go: a slow machine is not to be too slow for the limit.
    await ann.page.evaluate((all) => {
      for (const text of all) {
        document.querySelector("#text").value = text;
        document.querySelector("#write").requestSubmit();
      }
    }, many);
    await textMatches(ann.page, "#unsent", /Rate limit reached/);
    await untilSaid(ann.page, many);
    // A message that the server does not take stays, with the reason, until it is discarded.
    await write(ann.page, "a\u0007b");
    await textMatches(ann.page, "#unsent", /Not sent: text cannot contain the control character U\+0007/);
    await ann.page.click("#unsent >> text=Discard");
    await untilSaid(ann.page, many);
    await ann.close();
  });

  it("stays where one reads, and says what has come", async () => {
    const room = newRoom();
    const { page, close } = await person("Ann", room, { viewport: { width: 900, height: 600 } });
    for (let n = 0; n < 30; n += 1) await say(room, `n${n % 7}-${n}`, `line ${n}`);
    await until(async () => (await texts(page)).length === 30, "30 messages");
    const end = () => page.evaluate(() => {
      const scroll = document.querySelector("#scroll");
      return Math.round(scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight);
    });
    await until(async () => (await end()) <= 1, "at the end");
    // The page knows of it with the event, a frame later.
    await page.evaluate(() => {
      const scroll = document.querySelector("#scroll");
      const told = new Promise((done) => scroll.addEventListener("scroll", () => done(), { once: true }));
      scroll.scrollTo(0, 100);
      return told;
    });
    await until(async () => (await end()) > 200, "scrolled up");
    const top = () => page.evaluate(() => document.querySelector("#scroll").scrollTop);
    const before = await top();
    await say(room, "Bob", "one more");
    await textMatches(page, "#more", /^1 new message$/);
    await say(room, "Bob", "and another");
    await textMatches(page, "#more", /^2 new messages$/);
    assert.equal(await top(), before);
    await page.click("#more");
    await until(async () => (await end()) <= 1, "at the end again");
    assert.equal(await page.locator("#more").isVisible(), false);
    await close();
  });

  it("can be used by keyboard alone", async () => {
    const room = newRoom();
    const { page, close } = await newPage(browser);
    await page.goto(`${server.url}/chat`);
    await textMatches(page, ".connection-state", /^Live$/);
    const tabTo = async (selector) => {
      for (let n = 0; n < 40; n += 1) {
        await page.keyboard.press("Tab");
        if (await page.evaluate((selector) => document.activeElement?.matches(selector), selector)) return;
      }
      assert.fail(`${selector} is not reached`);
    };
    await tabTo("#go-room");
    await page.keyboard.type("no room");
    await page.keyboard.press("Enter");
    await textMatches(page, "#go-problem", /without spaces/);
    await page.fill("#go-room", "");
    await page.keyboard.type(room);
    await page.keyboard.press("Enter");
    await textMatches(page, "#room-name", new RegExp(`^${room}$`));
    await tabTo("#name");
    await page.keyboard.type("Ann");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement?.id === "text");
    await page.keyboard.type("typed");
    await page.keyboard.press("Enter");
    await untilSaid(page, ["typed"]);
    assert.equal(await page.evaluate(() => document.activeElement?.id), "text");
    await tabTo("#change-name");
    await page.keyboard.press("Enter");
    await page.waitForFunction(() => document.activeElement?.id === "name");
    await page.keyboard.press("Escape");
    await page.waitForSelector("#write", { state: "visible" });
    await page.keyboard.type("!");
    assert.equal(await page.inputValue("#text"), "!");
    assert.deepEqual(await page.locator("#rooms a").allTextContents(), ["lobby", room]);
    await close();
  });
});
