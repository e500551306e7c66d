// A button that pauses and resumes drawing. The connection stays open.

export class PauseButton {
  #button;
  #changed;
  paused = false;

  /** @param {HTMLElement} button has `aria-pressed="false"` and the word Pause @param {(paused: boolean) => void} changed */
  constructor(button, changed) {
    this.#button = button;
    this.#changed = changed;
    button.addEventListener("click", () => this.#toggle());
  }

  #toggle() {
    this.paused = !this.paused;
    this.#button.setAttribute("aria-pressed", String(this.paused));
    this.#button.textContent = this.paused ? "Resume" : "Pause";
    this.#changed(this.paused);
  }
}
