// What every page repeats in its own file must not drift apart; the header, which the server fills in, is written once.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { repository } from "./harness.mjs";

const folder = path.join(repository, "web/pages");
const pages = readdirSync(folder)
  .filter((name) => name.endsWith(".html") && name !== "header.html")
  .map((name) => ({ name, html: readFileSync(path.join(folder, name), "utf8") }));

/** The text from one mark to the end of another. */
const between = (html, from, to) => html.slice(html.indexOf(from), html.indexOf(to) + to.length);

describe("pages", () => {
  it("take the common header, and have none of their own", () => {
    assert.equal(pages.length, 6);
    for (const { name, html } of pages) {
      assert.equal(html.split("<!-- header -->").length, 2, name);
      assert.doesNotMatch(html, /<header|<nav[^>]*site-nav/, name);
    }
  });

  it("have a title, one main heading, a language and a note for visitors without JavaScript", () => {
    for (const { name, html } of pages) {
      assert.match(html, /<title>[^<]*sse-hub[^<]*<\/title>/, name);
      assert.equal([...html.matchAll(/<h1[ >]/g)].length, 1, name);
      assert.match(html, /<html lang="en">/, name);
      assert.match(html, /<noscript>/, name);
    }
  });

  it("have the parts of the connection line that its view fills", () => {
    const line = (html) => between(html, '<span class="connection-dot"', "Retry now</button>").replace(/\s+/g, " ").replace(">Closed<", ">Connecting<");
    for (const { name, html } of pages) assert.equal(line(html), line(pages[0].html), name);
  });
});
