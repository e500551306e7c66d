// What all pages share stands in each of them, because there is no build step: it must not drift apart.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, it } from "node:test";
import { repository } from "./harness.mjs";

const web = path.join(repository, "web");
const pages = readdirSync(web)
  .filter((name) => name.endsWith(".html"))
  .map((name) => ({ name, html: readFileSync(path.join(web, name), "utf8") }));

/** The text from one mark to the end of another. */
const between = (html, from, to) => html.slice(html.indexOf(from), html.indexOf(to) + to.length);

describe("pages", () => {
  it("have the same header, and mark themselves in it", () => {
    assert.equal(pages.length, 6);
    const header = (html) => between(html, '<a class="skip-link"', "</header>").replaceAll(' aria-current="page"', "");
    for (const { name, html } of pages) {
      assert.equal(header(html), header(pages[0].html), name);
      const own = name === "index.html" ? "/" : `/${name.replace(".html", "")}`;
      assert.deepEqual([...html.matchAll(/<a href="([^"]+)" aria-current="page"/g)].map(([, address]) => address), [own], name);
    }
  });

  it("have a title, one main heading, a language and a word for who has no JavaScript", () => {
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
