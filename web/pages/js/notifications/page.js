// The notifications page. Only wiring: list, preferences, form and announcements each have their own file.

import { SseClient } from "../../sse.js";
import { ConnectionView } from "../connection.js";
import { byId } from "../element.js";
import { GapNote } from "../gap-note.js";
import * as units from "../units.js";
import { Announcer } from "./announcer.js";
import { Composer } from "./composer.js";
import { NotificationList } from "./list.js";
import { parseNotification } from "./notification.js";
import { PreferencesForm } from "./preferences-form.js";
import { hiddenBecause, preferences } from "./preferences.js";
import { ReadMarks } from "./read-marks.js";

/** History on opening. */
const LAST = 200;
/** Arrivals within this time are drawn together. Not a frame: hidden tabs have none, but their title counts. */
const GATHER_MS = 50;
/** The history is complete after this long on a live stream. */
const HISTORY_MS = 1_000;
/** How often the quiet hours are checked. */
const CLOCK_MS = 15_000;

const REASONS = { category: "by category", severity: "by severity", word: "by muted words", quiet: "by quiet hours" };

const marks = new ReadMarks();
const list = new NotificationList(byId("list"), marks);
const announcer = new Announcer(byId("news"));
const form = new PreferencesForm(byId("preferences", HTMLFormElement));
new Composer(byId("composer", HTMLFormElement), byId("sent"));
const client = new SseClient("/events", { topics: ["notifications"], last: LAST });
new ConnectionView(byId("connection"), client);
const gap = new GapNote(byId("gap"), "notifications");

const baseTitle = document.title;
/** Arrived and not drawn yet. @type {import("./notification.js").Notification[]} */
let arrived = [];
/** Events of the topic that are not notifications. */
let unreadable = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let gathering;

client.on("*", (event) => {
  if (event.type === "gap") gap.show(event.data);
  // The greeting belongs to no topic.
  if (event.type === "gap" || event.topic !== "notifications") return;
  const notification = event.type === "notification" ? parseNotification(event.lastEventId, event.data) : null;
  if (notification) arrived.push(notification);
  else unreadable += 1;
  gathering ??= setTimeout(take, GATHER_MS);
});
client.addEventListener("statechange", function live() {
  if (client.state !== "live") return;
  client.removeEventListener("statechange", live);
  setTimeout(() => announcer.begin(list.newest), HISTORY_MS);
});

function take() {
  gathering = undefined;
  const fresh = arrived.filter((notification) => list.add(notification));
  arrived = [];
  form.setCategories(list.categories);
  draw();
  const now = new Date();
  announcer.offer(fresh, (notification) => !hiddenBecause(notification, preferences.value, now), preferences.value.desktop);
}

function draw() {
  const { shown, unread, more, hidden } = list.draw(preferences.value, new Date());
  const count = [...hidden.values()].reduce((sum, n) => sum + n, 0);
  document.title = unread > 0 ? `(${unread}) ${baseTitle}` : baseTitle;
  byId("unread").textContent = unread === 0 ? "Nothing unread" : `${units.count(unread)} unread`;
  byId("mark-all").setAttribute("aria-disabled", String(unread === 0));
  byId("hidden-count").textContent = `Hidden by your preferences: ${units.count(count)}`;
  byId("hidden-line").hidden = count === 0;
  const why = [...hidden].map(([reason, n]) => `${n} ${REASONS[reason]}`).join(", ");
  byId("hidden-why").textContent = why && `(${why})`;
  byId("reveal").hidden = count === 0 && !list.revealed;
  byId("empty").hidden = shown > 0;
  byId("empty").textContent = count > 0 ? "Your preferences hide all of them." : "No notifications yet. New ones appear here at once.";
  byId("more").hidden = more === 0;
  byId("more").textContent = `Show more (${units.count(more)})`;
  byId("unreadable").hidden = unreadable === 0;
  byId("unreadable").textContent = `${units.count(unreadable)} on this topic that ${unreadable === 1 ? "is not a notification" : "are not notifications"}; the inspector shows all events.`;
}

byId("mark-all").addEventListener("click", () => marks.mark(list.idsFor(preferences.value, new Date()), true));
byId("more").addEventListener("click", () => {
  list.showMore();
  draw();
});
byId("reveal").addEventListener("click", () => {
  list.revealed = !list.revealed;
  byId("reveal").setAttribute("aria-pressed", String(list.revealed));
  draw();
});
marks.addEventListener("change", draw);
preferences.addEventListener("change", () => {
  // Announcements begin with the next notification.
  if (preferences.value.desktop) announcer.begin(list.newest);
  draw();
});
setInterval(draw, CLOCK_MS);
const origin = document.querySelector("[data-origin]");
if (origin) origin.textContent = `curl -N ${location.origin}/notifications/events`;
draw();
client.open();
