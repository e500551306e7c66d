// web/client/sse/ends.js by itself: when a subscription knows that all its topics are closed.

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Ends } from "../../web/client/sse/ends.js";

const event = (topic) => ({ type: "message", data: "", lastEventId: "e-1", topic, time: null, hub: null });
const end = (topic) => ({ ...event(topic), type: "end", hub: "end" });
const gap = (topic) => ({ ...event(topic), type: "gap", hub: "gap" });
const greeting = { ...event(null), hub: "greeting" };

/** Are these topics over after these records? */
const isOver = (topics, ...records) => {
  const ends = new Ends();
  // However they are delivered.
  for (const record of records) ends.note([record], topics);
  const whole = new Ends();
  whole.note(records, topics);
  assert.equal(whole.cover(topics), ends.cover(topics));
  return whole.cover(topics);
};

describe("ends", () => {
  it("are those of all topics", () => {
    assert.equal(isOver(["a"], event("a")), false);
    assert.equal(isOver(["a"], event("a"), end("a")), true);
    assert.equal(isOver(["a", "b"], end("a"), event("b")), false);
    assert.equal(isOver(["a", "b"], end("a"), event("b"), end("b"), greeting), true);
  });

  it("are none of every topic, or of a pattern", () => {
    assert.equal(isOver([], end("a")), false);
    assert.equal(isOver(["*"], end("a")), false);
    assert.equal(isOver(["a", "b/*"], end("a"), end("b/c")), false);
  });

  it("are no events that are merely named so", () => {
    assert.equal(isOver(["a"], { ...event("a"), type: "end" }), false);
  });

  it("are forgotten when a topic is deleted or published again, or may have been", () => {
    assert.equal(isOver(["a"], end("a"), gap("a")), false);
    assert.equal(isOver(["a"], end("a"), event("a")), false);
    assert.equal(isOver(["a"], end("a"), gap(null)), false);
    assert.equal(isOver(["a"], end("a"), gap("a"), event("a"), end("a")), true);
  });

  it("says which records close one of the topics", () => {
    const ends = new Ends();
    assert.equal(ends.note([event("a"), end("b")], ["a"]), false);
    assert.equal(ends.note([end("a"), event("b")], ["a"]), true);
  });
});
