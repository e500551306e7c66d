// The page's room, and links to others.

import { element } from "../element.js";
import { complain } from "../form-words.js";
import { roomProblem } from "./limits.js";
import * as store from "./store.js";

const LOBBY = "lobby";

/** The room in the page's address. */
export const currentRoom = () => new URLSearchParams(location.search).get("room") ?? LOBBY;

/** @param {string} room */
const address = (room) => (room === LOBBY ? "/chat" : `/chat?room=${encodeURIComponent(room)}`);

/**
 * Lists the lobby and the visited rooms.
 * @param {HTMLElement} list
 * @param {string} current
 */
export function showRooms(list, current) {
  const others = store.rooms().filter((room) => room !== LOBBY && !roomProblem(room));
  const lines = [LOBBY, ...others].map((room) => {
    const link = element("a", "", element("bdi", "", room));
    link.href = address(room);
    if (room === current) link.setAttribute("aria-current", "page");
    return element("li", "", link);
  });
  list.replaceChildren(...lines);
}

/**
 * @param {HTMLFormElement} form
 * @param {HTMLInputElement} input
 * @param {HTMLElement} problem
 */
export function roomForm(form, input, problem) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const room = input.value.trim();
    complain(input, problem, roomProblem(room));
    if (roomProblem(room)) input.focus();
    else location.assign(address(room));
  });
}
