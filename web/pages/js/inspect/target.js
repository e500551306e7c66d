// What the inspector subscribes to, converted between its form, its own address and the options of a client. Opens nothing.

/** Events that `last` requests. */
const NEWEST = 50;

/**
 * @typedef {object} Target
 * @property {string} url of a stream of this server
 * @property {string[]} topics none: the address alone decides
 * @property {"now" | "last" | "earliest" | "id"} start
 * @property {string} id for `start` = `id`
 */

/** @param {HTMLFormElement} form @param {string} name @returns {string} */
function value(form, name) {
  const found = new FormData(form).get(name);
  return typeof found === "string" ? found.trim() : "";
}

/** Reads the form. Throws an `Error` that says what to change. @param {HTMLFormElement} form @returns {Target} */
export function fromForm(form) {
  const start = /** @type {Target["start"]} */ (value(form, "start"));
  const id = value(form, "id");
  if (start === "id" && !id) throw new Error("Enter the id to start after, such as 6ce0ea04547f-42.");
  if (value(form, "source") === "address") return { url: ownAddress(value(form, "address")), topics: [], start, id };
  const topics = value(form, "topics").split(/[\s,]+/).filter(Boolean);
  return { url: "/events", topics: topics.length > 0 ? topics : ["*"], start, id };
}

/** @param {string} text */
function ownAddress(text) {
  if (!text) throw new Error("Enter an address, such as /dashboard-events.");
  const url = new URL(text, location.href);
  if (url.origin !== location.origin) throw new Error(`This page reads only from ${location.origin}. Use sse-cli for other servers.`);
  return url.pathname + url.search;
}

/** Fills the form. @param {HTMLFormElement} form @param {Target} target */
export function intoForm(form, { url, topics, start, id }) {
  const set = (/** @type {string} */ name, /** @type {string} */ text) => {
    const field = form.elements.namedItem(name);
    if (field instanceof RadioNodeList || field instanceof HTMLInputElement || field instanceof HTMLSelectElement) field.value = text;
  };
  set("source", topics.length > 0 ? "topics" : "address");
  if (topics.length > 0) set("topics", topics.join(", "));
  else set("address", url);
  set("start", start);
  set("id", id);
}

/** The target in the page's address, if there is one. @param {string} search @returns {Target | null} */
export function fromSearch(search) {
  const query = new URLSearchParams(search);
  const topics = query.getAll("topic");
  const url = query.get("url");
  if (topics.length === 0 && url === null) return null;
  const after = query.get("after") ?? "last";
  const known = ["now", "last", "earliest"].includes(after);
  const start = known ? /** @type {Target["start"]} */ (after) : "id";
  return { url: url ?? "/events", topics, start, id: known ? "" : after };
}

/** The query of the page's address that names this target. @param {Target} target */
export function intoSearch({ url, topics, start, id }) {
  const query = new URLSearchParams();
  if (topics.length === 0) query.set("url", url);
  for (const topic of topics) query.append("topic", topic);
  query.set("after", start === "id" ? id : start);
  return `?${query}`;
}

/** Options of an `SseClient`. @param {Target} target @returns {import("../../sse.js").SseOptions} */
export function options({ topics, start, id }) {
  const starts = { now: {}, last: { last: NEWEST }, earliest: { lastEventId: "earliest" }, id: { lastEventId: id } };
  // A connection of its own: this stream is inspected, not the one that tabs share.
  return { topics, shared: false, ...starts[start] };
}
