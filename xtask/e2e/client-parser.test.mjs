// web/client/sse/parser.js by itself, with the awkward cases of sse-core's tests: whole, byte by byte, and cut at every place.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { SseParser } from "../../web/client/sse/parser.js";

const bytesOf = (body) => (typeof body === "string" ? new TextEncoder().encode(body) : Uint8Array.from(body));
/** Bytes from parts: text as UTF-8, numbers as bytes. */
const bytes = (...parts) => bytesOf(parts.flatMap((part) => (typeof part === "number" ? [part] : [...bytesOf(part)])));

function parse(pieces, limits) {
  const parser = new SseParser("", limits);
  const items = pieces.flatMap((piece) => parser.feed(piece));
  return { items, lastEventId: parser.lastEventId, retryMs: parser.retryMs };
}

/** Every way to cut the body gives the same; what it gives. */
function read(body, limits) {
  const all = bytesOf(body);
  const whole = parse([all], limits);
  assert.deepEqual(parse(Array.from(all, (byte) => Uint8Array.of(byte)), limits), whole, "byte by byte");
  for (let cut = 0; cut <= all.length; cut += 1) {
    assert.deepEqual(parse([all.subarray(0, cut), new Uint8Array(), all.subarray(cut)], limits), whole, `cut at ${cut}`);
  }
  return whole;
}

const data = (body) => read(body).items.map((item) => item.data);
const types = (body) => read(body).items.map((item) => item.type);
const lastIds = (body) => read(body).items.map((item) => item.lastEventId);
const retry = (value) => read(`retry: 5\nretry${value}\n`).retryMs;

describe("parser: the stream as bytes", () => {
  it("ends a line at CRLF, LF or CR, mixed freely", () => {
    for (const end of ["\n", "\r", "\r\n"]) assert.deepEqual(data(`data: a${end}data: b${end}${end}data: c${end}${end}`), ["a\nb", "c"]);
    assert.deepEqual(data("data: a\rdata: b\r\ndata: c\n\rdata: d\r\r\ndata: e\n\r\n"), ["a\nb\nc", "d", "e"]);
    assert.deepEqual(data("data: a\n\rdata: b\r\ndata: c\r\n\r\n"), ["a", "b\nc"]);
  });

  it("ends no line at other separators", () => {
    for (const text of ["a\u0085b", "a\u2028b", "a\u000bb", "a\fb", "a\0b"]) assert.deepEqual(data(`data: ${text}\n\n`), [text]);
  });

  it("gives an event that ends in a bare CR at that byte", () => {
    const parser = new SseParser();
    const counts = ["data: a\r", "\r", "", "\ndata: b\n", "\n"].map((piece) => parser.feed(bytesOf(piece)).length);
    assert.deepEqual(counts, [0, 1, 0, 0, 1]);
  });

  it("drops one leading byte order mark and no other", () => {
    assert.deepEqual(data("\ufeffdata: a\n\n"), ["a"]);
    assert.deepEqual(data("\ufeff\ufeffdata: a\n\n"), []);
    assert.deepEqual(data("\ufeffdata: \ufeffa\n\ndata:\ufeff\n\n"), ["\ufeffa", "\ufeff"]);
    assert.deepEqual(data("data: a\n\n\ufeffdata: b\n\n"), ["a"]);
    assert.deepEqual(data(bytes(0xef, 0xbb, "data: a\n\ndata: b\n\n")), ["b"]);
    assert.deepEqual(data(bytes(0xef, 0xef, 0xbb, 0xbf, "data: a\n\ndata: b\n\n")), ["b"]);
  });

  it("makes nothing of an empty stream or of blank lines", () => {
    for (const body of ["", "\ufeff", "\n\r\r\n\n\n"]) assert.deepEqual(data(body), []);
  });

  it("puts U+FFFD for each maximal part that is not UTF-8, and goes on", () => {
    for (const [broken, text] of [
      [[0xff], "\ufffd"],
      [[0xf0, 0x9f, 0x98], "\ufffd"],
      [[0xf0, 0x9f, 0x98, 0xf0, 0x9f, 0x98, 0x80], "\ufffd😀"],
      [[0xc0, 0xaf], "\ufffd\ufffd"],
      [[0xed, 0xa0, 0x80], "\ufffd\ufffd\ufffd"],
      [[0xe1, 0x80, 0xe2, 0xf0, 0x91, 0x92, 0xf1, 0xbf, 0x41], "\ufffd\ufffd\ufffd\ufffdA"],
    ]) {
      assert.deepEqual(data(bytes("data: ", ...broken, "\ndata: ", ...broken, "\n\ndata: c\n\n")), [`${text}\n${text}`, "c"]);
    }
    assert.deepEqual(data(bytes("data: ", 0xc3, "\ndata: ", 0xa9, "\n\n")), ["\ufffd\n\ufffd"]);
  });
});

describe("parser: one line", () => {
  it("skips comments, which part nothing", () => {
    assert.deepEqual(data(":\n: x\n:data: no\ndata: a\n:\n\n"), ["a"]);
    assert.deepEqual(data("data: a\n: heartbeat\ndata: b\n\n"), ["a\nb"]);
  });

  it("cuts at the first colon and takes one space away", () => {
    assert.deepEqual(data("data:a: b:c\n\n"), ["a: b:c"]);
    assert.deepEqual(data("data::\n\n"), [":"]);
    assert.deepEqual(data("data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\ndata: \n\ndata: a  \n\n"), ["a", "a", " a", "\ta", "", "a  "]);
  });

  it("takes a line without a colon as a field without a value", () => {
    assert.deepEqual(data("data\n\ndata\ndata\n\n"), ["", "\n"]);
    assert.deepEqual(types("event: x\nevent\ndata\n\n"), ["message"]);
    assert.deepEqual(lastIds("id: x\nid\ndata\n\n"), [""]);
  });

  it("compares names literally", () => {
    for (const name of ["Data", "DATA", "data ", " data", "dat", "datax", "\ufeffdata", "data\0", "ｄata"]) {
      assert.deepEqual(data(`x: y\n${name}: no\n${name}\ndata: a\n\n`), ["a"], name);
    }
    for (const name of ["Event", "event ", "ID", "Id", "id ", "Retry", "retry ", "Topic", "Time", "Hub"]) {
      const { items, retryMs } = read(`${name}: 7\ndata: a\n\n`);
      assert.deepEqual([items, retryMs], [[{ type: "message", data: "a", id: null, lastEventId: "", topic: null, time: null, hub: null }], null], name);
    }
  });

  it("lets the last field of a name win", () => {
    assert.deepEqual(types("event: a\nevent: b\ndata\n\nevent: a\nevent:\ndata\n\n"), ["b", "message"]);
    assert.deepEqual(lastIds("id: a\nid: b\ndata\n\n"), ["b"]);
    for (const name of ["topic", "time", "hub"]) {
      assert.deepEqual(read(`${name}: a\n${name}: b/c\ndata\n\ndata\n\n`).items.map((item) => item[name]), ["b/c", null], name);
    }
  });

  it("ignores an id with NUL, and no other field with one", () => {
    assert.deepEqual(lastIds("id: a\nid: b\0c\nid: \0\ndata\n\n"), ["a"]);
    const [item] = read("event: \0\ndata: \0\n\n").items;
    assert.deepEqual([item.type, item.data], ["\0", "\0"]);
  });

  it("takes a reconnection time of ASCII digits and ignores all else", () => {
    assert.deepEqual([": 1500", ":1500", ": 0", ": 007"].map(retry), [1500, 1500, 0, 7]);
    for (const value of ["", ":", ": ", ": 1 ", ":  1", ": +1", ": -1", ": 1.5", ": 1e3", ": 0x1", ": 1s", ": ١", ": 1\0"]) {
      assert.equal(retry(value), 5, value);
    }
    assert.equal(retry(`: 1${"0".repeat(500)}`), Number.MAX_SAFE_INTEGER);
  });
});

describe("parser: the blank line", () => {
  it("joins the lines of data by LF", () => {
    assert.deepEqual(data("data: a\ndata: b\n\ndata: a\ndata:\n\ndata:\ndata: a\n\ndata:\n\n"), ["a\nb", "a\n", "\na", ""]);
  });

  it("fires nothing without data, but moves the last id and forgets the type", () => {
    assert.deepEqual(data("event: x\nid: 1\nretry: 2\n\nfoo: bar\n\n: comment\n\n"), []);
    assert.deepEqual(types("event: x\n\ndata\n\nevent: x\ndata\n\ndata\n\n"), ["message", "x", "message"]);
    assert.deepEqual(lastIds("id: 7\n\ndata\n\n"), ["7"]);
    assert.equal(read("id: 7\n\n").lastEventId, "7");
  });

  it("keeps an id until it is changed or reset, and tells whose own it is", () => {
    const { items } = read("id: 1\ndata\n\ndata\n\nid:\ndata\n\nid: 2\ndata\n\n");
    assert.deepEqual(items.map((item) => [item.id, item.lastEventId]), [["1", "1"], [null, "1"], ["", ""], ["2", "2"]]);
  });

  it("discards what is unfinished, with its id; a reconnection time acts at once", () => {
    const { items, lastEventId, retryMs } = read("id: 1\ndata: a\n\nid: 2\nretry: 9\ndata: b\n");
    assert.deepEqual([items.length, lastEventId, retryMs], [1, "1", 9]);
  });

  it("starts from the id it resumes at", () => {
    const parser = new SseParser("kept");
    assert.deepEqual(parser.feed(bytesOf("data: a\n\n")).map((item) => item.lastEventId), ["kept"]);
  });
});

describe("parser: limits", () => {
  const limits = { maxLine: 20, maxEvent: 30 };
  const outcome = (body) => read(body, limits).items.map((item) => ("dropped" in item ? "dropped" : item.data));
  const longest = "x".repeat(14);
  const long = `data: ${"x".repeat(40)}\n`;
  const many = "data: 123456789\n".repeat(4);

  it("lets a line and an event be as long as they may, and no longer", () => {
    for (const end of ["\n", "\r", "\r\n"]) {
      assert.deepEqual(outcome(`data: ${longest}${end}${end}`), [longest]);
      assert.deepEqual(outcome(`data: ${longest}x${end}${end}`), ["dropped"]);
    }
    const line = "data: 123456789\n";
    assert.deepEqual(outcome(`${line.repeat(3)}\n`), ["123456789\n123456789\n123456789"]);
    assert.deepEqual(outcome(`${line.repeat(3)}data\n\n`), ["dropped"]);
  });

  it("gives one entry for a dropped event, takes its id along, and goes on", () => {
    for (const dropped of [long + long, many + many, many + long, long + many]) {
      assert.deepEqual(outcome(`data: a\n\n${dropped}\ndata: b\n\n${dropped}\ndata: c\n\n`), ["a", "dropped", "b", "dropped", "c"]);
    }
    assert.equal(read(`id: 1\n\nid: 2\n${long}id: 3\n\ndata: a\n\n`, limits).lastEventId, "1");
  });

  it("does not count comments", () => {
    assert.deepEqual(outcome(`data: a\n${": heartbeat\n".repeat(10)}\n`), ["a"]);
  });

  it("does not wait for the end of a line or event that has none", () => {
    const parser = new SseParser("", limits);
    assert.deepEqual(["data: 78901234567890", "x", "x".repeat(1000), "\n\ndata: a\n\n"].map((piece) => parser.feed(bytesOf(piece)).length), [0, 1, 0, 1]);
    for (const line of ["data\n", "data:\n", "data:\r", "id\n", "retry\r\n", "x\n"]) assert.deepEqual(outcome(line.repeat(31)), ["dropped"]);
  });
});
