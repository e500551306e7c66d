// The visitor's name: asks for it, stores it in the browser, lets it be changed.

import { byId } from "../element.js";
import { complain } from "../form-words.js";
import { nameProblem, tidyName } from "./limits.js";
import * as store from "./store.js";

export class NameForm {
  #form = byId("choose", HTMLFormElement);
  #input = byId("name", HTMLInputElement);
  #problem = byId("name-problem");
  #cancel = byId("keep-name");
  #notes = byId("talk-notes");
  #chosen;

  /** @param {(name: string | null) => void} chosen called with each name; null while one is being chosen */
  constructor(chosen) {
    this.#chosen = chosen;
    this.#form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#form.addEventListener("keydown", (event) => event.key === "Escape" && !this.#cancel.hidden && this.#use(store.name.get()));
    this.#cancel.addEventListener("click", () => this.#use(store.name.get()));
    byId("change-name").addEventListener("click", () => this.ask(""));
  }

  /** Uses the name of the token, which cannot be changed here, or the stored one, or asks for one. @param {string} nameOfToken */
  start(nameOfToken) {
    byId("change-name").hidden = nameOfToken !== "";
    const name = nameOfToken || store.name.get();
    if (name && !nameProblem(name)) this.#use(name);
    else this.ask("", false);
  }

  /** Asks for a name. @param {string} problem what is wrong with the current one @param {boolean} [focus] */
  ask(problem, focus = true) {
    this.#input.value = store.name.get();
    this.#cancel.hidden = problem !== "" || !this.#input.value;
    this.#show(problem);
    this.#form.hidden = false;
    this.#notes.hidden = true;
    this.#chosen(null);
    if (focus) this.#input.select();
  }

  /** Takes over the server's normal form of the name. @param {string} name */
  adopt(name) {
    store.name.set(name);
    byId("own-name").textContent = name;
  }

  #submit() {
    const name = tidyName(this.#input.value);
    const problem = nameProblem(name);
    this.#show(problem);
    if (problem) this.#input.focus();
    else this.#use(name);
  }

  /** @param {string} name */
  #use(name) {
    this.adopt(name);
    this.#form.hidden = true;
    this.#notes.hidden = false;
    this.#chosen(name);
  }

  /** @param {string} problem */
  #show(problem) {
    complain(this.#input, this.#problem, problem);
  }
}
