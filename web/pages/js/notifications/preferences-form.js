// The form of the preferences: stores every change at once, and shows changes made in other tabs.

import { element } from "../element.js";
import { permission } from "./announcer.js";
import { preferences, wordsFrom } from "./preferences.js";

/** Limit of listed categories. */
const MOST_CATEGORIES = 50;

export class PreferencesForm {
  #form;
  #categories;
  #desktop;
  #desktopNote;
  /** Those that have been seen. @type {Set<string>} */
  #seen = new Set();
  /** The categories shown. */
  #listed = "";

  /** @param {HTMLFormElement} form */
  constructor(form) {
    this.#form = form;
    this.#categories = this.#part("[data-categories]");
    this.#desktop = this.#part("[data-desktop]");
    this.#desktopNote = this.#part("[data-desktop-note]");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("input", () => this.#store());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      preferences.update(({ desktop }) => ({ muted: [], least: "info", quiet: { on: false, from: "22:00", to: "07:00" }, words: [], desktop }));
      this.#show(true);
    });
    this.#desktop.addEventListener("click", () => void this.#toggleDesktop());
    preferences.addEventListener("change", () => this.#show(false));
    this.#show(true);
  }

  /** @param {Set<string>} categories */
  setCategories(categories) {
    this.#seen = categories;
    this.#list();
  }

  #store() {
    const [least, on, from, to, words] = ["least", "quiet", "from", "to", "words"].map((name) => this.#control(name));
    const boxes = [...this.#categories.querySelectorAll("input")];
    const listed = boxes.map((box) => box.value);
    const off = boxes.filter((box) => !box.checked).map((box) => box.value);
    preferences.update((before) => ({
      ...before,
      muted: [...before.muted.filter((name) => !listed.includes(name)), ...off],
      least: /** @type {any} */ (least?.value),
      quiet: { on: on?.checked === true, from: from?.value || before.quiet.from, to: to?.value || before.quiet.to },
      words: wordsFrom(words?.value ?? ""),
    }));
  }

  /** @param {boolean} all including the field with the focus */
  #show(all) {
    const { least, quiet, words } = preferences.value;
    const set = (/** @type {string} */ name, /** @type {string} */ value) => {
      const control = this.#control(name);
      if (all || control !== document.activeElement) control.value = value;
    };
    set("least", least);
    set("from", quiet.from);
    set("to", quiet.to);
    set("words", words.join(", "));
    this.#control("quiet").checked = quiet.on;
    this.#part("[data-quiet-note]").hidden = !(quiet.on && quiet.from === quiet.to);
    this.#list();
    this.#showDesktop();
  }

  #list() {
    const { muted } = preferences.value;
    const names = [...new Set([...this.#seen, ...muted])].sort().slice(0, MOST_CATEGORIES);
    if (names.join() !== this.#listed) {
      this.#listed = names.join();
      this.#categories.replaceChildren(...names.map(category));
    }
    this.#part("[data-no-categories]").hidden = names.length > 0;
    for (const box of this.#categories.querySelectorAll("input")) box.checked = !muted.includes(box.value);
  }

  /** The only place that asks for permission, because the user has just clicked for it. */
  async #toggleDesktop() {
    if (permission() === "granted") {
      preferences.update((before) => ({ ...before, desktop: !before.desktop }));
    } else if (permission() === "default") {
      const answer = await Notification.requestPermission();
      preferences.update((before) => ({ ...before, desktop: answer === "granted" }));
    }
    this.#showDesktop();
  }

  #showDesktop() {
    const may = permission();
    const on = may === "granted" && preferences.value.desktop;
    this.#desktop.hidden = may === "denied" || may === "missing";
    this.#desktop.textContent = on ? "Turn off browser notifications" : "Turn on browser notifications";
    this.#desktopNote.textContent = {
      missing: "Not available here. Most browsers require HTTPS.",
      denied: "Blocked: allow notifications for this site in the browser’s settings.",
      default: "Shown while this tab is in the background. The browser will ask you.",
      granted: on ? "On: shown while this tab is in the background." : "Off.",
    }[may];
  }

  /** @param {string} name */
  #control(name) {
    return /** @type {HTMLInputElement} */ (this.#form.elements.namedItem(name));
  }

  /** @param {string} selector */
  #part(selector) {
    return /** @type {HTMLElement} */ (this.#form.querySelector(selector));
  }
}

/** @param {string} name */
function category(name) {
  const box = element("input", "");
  box.type = "checkbox";
  box.value = name;
  return element("label", "", box, element("span", "", name));
}
