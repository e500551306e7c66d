// The visitor's settings, stored in this browser. Strings only; where storage is refused, they last for this page.

const PREFIX = "sse-hub.";
/** Values that storage did not take, by name. @type {Map<string, string>} */
const memory = new Map();

/** @param {string} name @returns {string | null} */
export function recall(name) {
  try {
    return memory.get(name) ?? localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/** @param {string} name @param {string} value */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
    memory.delete(name);
  } catch {
    // Refused in some private modes, and when storage is full.
    memory.set(name, value);
  }
}

/** @param {string} name */
export function forget(name) {
  memory.delete(name);
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // It was only in memory.
  }
}

/** Stored names with this prefix. @param {string} beginning @returns {string[]} */
export function names(beginning) {
  const kept = [...memory.keys()];
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) kept.push(key.slice(PREFIX.length));
  } catch {
    // Storage is refused; only memory counts.
  }
  return [...new Set(kept)].filter((name) => name.startsWith(beginning));
}
