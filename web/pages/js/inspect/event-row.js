// One event in the inspector's list: a line, and what is behind it when it is opened. Sets text only.

import { button, element } from "../element.js";
import * as units from "../units.js";

/** Characters of the data that a closed row shows. */
const PREVIEW = 300;

/**
 * @typedef {object} Arrival
 * @property {number} at Milliseconds since 1970, when it came.
 * @property {string} type
 * @property {string} data
 * @property {string} lastEventId
 * @property {string | null} topic
 * @property {number} bytes of the data
 */

/** @typedef {"pretty" | "wire"} View */

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });

/**
 * @param {Arrival} arrival
 * @param {() => View} view how the data is to be shown when the row is opened
 * @param {(id: string) => void} resume goes on after an id
 */
export function eventRow(arrival, view, resume) {
  const summary = element(
    "summary",
    "",
    element("time", "", clock.format(arrival.at)),
    element("span", "inspect-type", arrival.type),
    element("span", "inspect-topic", arrival.topic ?? ""),
    element("span", "inspect-size", units.bytes(arrival.bytes)),
    element("span", "inspect-preview", arrival.data.slice(0, PREVIEW).replaceAll("\n", " ")),
  );
  const details = element("details", "", summary);
  details.addEventListener("toggle", () => {
    details.querySelector(".inspect-body")?.remove();
    if (details.open) details.append(body(arrival, view(), resume));
  });
  return element("li", arrival.type === "gap" ? "inspect-gap" : "", details);
}

/** @param {Arrival} arrival @param {View} view @param {(id: string) => void} resume */
function body(arrival, view, resume) {
  const made = element("div", "inspect-body");
  const data = element("pre", "", view === "wire" ? wire(arrival) : pretty(arrival.data));
  // It scrolls, so the keyboard has to reach it.
  data.tabIndex = 0;
  data.setAttribute("role", "region");
  data.setAttribute("aria-label", `Data of the ${arrival.type} event`);
  made.append(data);
  if (arrival.lastEventId) {
    const { lastEventId: id } = arrival;
    made.append(element("div", "actions", button("", `Resume after ${id}`, () => resume(id))));
  }
  return made;
}

/** JSON over several lines; anything else as it is. @param {string} data */
function pretty(data) {
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data;
  }
}

/** The event's block as it stood in the stream, fields in the hub's order. @param {Arrival} arrival */
export function wire({ type, lastEventId, topic, data }) {
  const fields = [type === "message" ? "" : `event: ${type}`, lastEventId && `id: ${lastEventId}`, topic && `topic: ${topic}`];
  return [...fields.filter(Boolean), ...data.split("\n").map((line) => `data: ${line}`)].join("\n");
}
