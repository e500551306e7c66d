// The chat page. Only wiring: each part has its own file.

import { SseClient } from "../../sse.js";
import { ConnectionView } from "../connection.js";
import { byId } from "../element.js";
import { foldBelow } from "../fold.js";
import { parsed } from "../json.js";
import { nameOfToken } from "../sign-in.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { roomProblem } from "./limits.js";
import { NameForm } from "./name-form.js";
import { Outbox } from "./outbox.js";
import { People } from "./people.js";
import { Presence } from "./presence.js";
import { currentRoom, roomForm, showRooms } from "./rooms.js";
import * as store from "./store.js";

/** Events of history on opening. */
const HISTORY = 100;

const room = currentRoom();
byId("room-name").textContent = room;
document.title = `${room} · Chat · sse-hub`;

foldBelow("52em");
roomForm(byId("go", HTMLFormElement), byId("go-room", HTMLInputElement), byId("go-problem"));

if (roomProblem(room)) refuse(roomProblem(room));
else open();

/** @param {string} problem */
function refuse(problem) {
  const words = byId("no-room").querySelector("span");
  if (words) words.textContent = `“${room}” is not a valid room name. ${problem}`;
  byId("no-room").hidden = false;
  byId("chat").hidden = true;
  byId("connection").hidden = true;
}

function open() {
  store.visit(room);
  showRooms(byId("rooms"), room);
  const client = new SseClient("/events", { topics: [`chat/${room}`], last: HISTORY });
  new ConnectionView(byId("connection"), client);
  const conversation = new Conversation({ scroll: byId("scroll"), log: byId("log"), list: byId("messages"), unsent: byId("unsent"), more: byId("more") });
  const outbox = new Outbox(room);
  const people = new People(room, byId("people"), byId("people-count"));
  const presence = new Presence(room);

  let own = "";
  const composer = new Composer(
    byId("write", HTMLFormElement),
    byId("text", HTMLTextAreaElement),
    byId("text-note"),
    (text) => {
      if (outbox.isFull) return "Too many unsent messages. Wait for the connection to return.";
      outbox.add(own, text, client.lastEventId);
      conversation.toEnd();
      return "";
    },
  );
  let hasChosen = false;
  const nameForm = new NameForm((name) => {
    composer.setShown(name !== null);
    if (name === null) {
      hasChosen = true;
      return;
    }
    own = name;
    people.setOwn(name);
    conversation.setOwn(name);
    presence.enter(name);
    // Not on opening, when nobody asked for a phone's keyboard.
    if (hasChosen) composer.focus();
  });

  outbox.addEventListener("change", () => conversation.showUnsent(outbox));
  conversation.showUnsent(outbox);

  presence.addEventListener("renewed", (event) => {
    const { username, users } = /** @type {CustomEvent} */ (event).detail;
    if (username !== own) {
      own = username;
      nameForm.adopt(username);
      people.setOwn(username);
      conversation.setOwn(username);
    }
    people.compare(users);
  });
  presence.addEventListener("refused", (event) => {
    const refusal = /** @type {CustomEvent} */ (event).detail;
    if (refusal.field === "username") nameForm.ask(refusal.message);
  });

  follow(client, { conversation, outbox, people, presence });
  nameForm.start(nameOfToken);
  client.open();
}

/**
 * @param {SseClient} client
 * @param {{conversation: Conversation, outbox: Outbox, people: People, presence: Presence}} parts
 */
function follow(client, { conversation, outbox, people, presence }) {
  client.on("newMessage", ({ data }) => {
    const message = parsed(data);
    // Anybody can publish to the topic: what is not a chat message is ignored.
    if (![message?.id, message?.username, message?.text].every((field) => typeof field === "string")) return;
    const time = new Date(message.time);
    if (Number.isNaN(time.getTime())) return;
    conversation.addMessage({ id: message.id, username: message.username, text: message.text, time });
    outbox.confirm(message.id);
  });
  /** @param {string} data @param {(username: string) => void} act */
  const person = (data, act) => {
    const username = parsed(data)?.username;
    if (typeof username === "string") act(username);
  };
  client.on("userConnected", ({ data }) =>
    person(data, (username) => {
      people.add(username);
      conversation.addNote(username, "joined");
    }),
  );
  client.on("userDisconnected", ({ data }) =>
    person(data, (username) => {
      people.remove(username);
      conversation.addNote(username, "left");
    }),
  );
  client.on("gap", ({ data }) => {
    // The server has a new log, and replays everything it stores.
    const reason = parsed(data)?.reason;
    if (reason === "unknown-id") conversation.clear();
    else conversation.addGap(reason === "expired" ? "Some older messages have expired" : "Some older messages are missing");
    void people.refresh();
  });
  let wasLive = false;
  client.addEventListener("statechange", () => {
    const isLive = client.state === "live";
    if (isLive && !wasLive) {
      conversation.expectHistory();
      outbox.connected();
      void presence.renew();
      void people.refresh();
    }
    wasLive = isLive;
  });
}
