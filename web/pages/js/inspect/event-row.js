// One event in the inspector's list: a summary line, and its data when opened. Sets text only.

import { button, element } from "../element.js";
import * as units from "../units.js";

/** Characters of the data that a closed row shows. */
const PREVIEW = 300;

/**
 * @typedef {object} Arrival
 * @property {number} at when it arrived, milliseconds since 1970
 * @property {string} type
 * @property {string} data
 * @property {string} lastEventId
 * @property {string | null} topic
 * @property {string | null} time when it was published, RFC 3339
 * @property {string | null} hub
 * @property {number} bytes of the data
 */

/** @typedef {"pretty" | "wire"} View */

/** @type {Intl.DateTimeFormatOptions} */
const CLOCK = { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 };
const clock = new Intl.DateTimeFormat("en-GB", CLOCK);
const dayAndClock = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", ...CLOCK });

/** When it was published, or when it arrived where the server does not say. @param {Arrival} arrival */
function timeOf({ time, at }) {
  const moment = new Date(Date.parse(time ?? "") || at);
  const isToday = moment.toDateString() === new Date().toDateString();
  const made = element("time", "", (isToday ? clock : dayAndClock).format(moment));
  made.dateTime = moment.toISOString();
  made.title = time === null ? "Time of arrival; the server sent none" : `Published ${time}`;
  return made;
}

/**
 * @param {Arrival} arrival
 * @param {() => View} view how an opened row shows the data
 * @param {(id: string) => void} resume continues after an id
 */
export function eventRow(arrival, view, resume) {
  const summary = element(
    "summary",
    "",
    timeOf(arrival),
    element("span", "inspect-type", arrival.type),
    element("span", "inspect-topic", arrival.topic ?? ""),
    element("span", "inspect-id", arrival.lastEventId),
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
  // It scrolls, so it must be reachable by keyboard.
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

/** JSON indented; anything else as it is. @param {string} data */
function pretty(data) {
  try {
    return JSON.stringify(JSON.parse(data), null, 2);
  } catch {
    return data;
  }
}

/** The event's block as the hub sends it. @param {Arrival} arrival */
function wire({ type, lastEventId, topic, time, hub, data }) {
  const fields = Object.entries({ event: type === "message" ? null : type, id: lastEventId, topic, time, hub });
  return [...fields.filter(([, value]) => value).map(([name, value]) => `${name}: ${value}`), ...data.split("\n").map((line) => `data: ${line}`)].join("\n");
}
