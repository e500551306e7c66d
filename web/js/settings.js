// What a visitor chose, remembered in this browser. Strings only; where storage is refused, for this page only.

const PREFIX = "sse-hub.";

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Storage is refused in some private modes.
  }
}
