// What a visitor chose or wrote, kept in this browser. Strings only; where storage is refused, for this page only.

const PREFIX = "sse-hub.";
/** What storage did not take, by name. @type {Map<string, string>} */
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
    // Refused in some private modes, and when it is full.
    memory.set(name, value);
  }
}

/** @param {string} name */
export function forget(name) {
  memory.delete(name);
  try {
    localStorage.removeItem(PREFIX + name);
  } catch {
    // It was in memory alone.
  }
}

/** Names of all that is kept and begins so. @param {string} beginning @returns {string[]} */
export function names(beginning) {
  const kept = [...memory.keys()];
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(PREFIX)) kept.push(key.slice(PREFIX.length));
  } catch {
    // Storage is refused: what is in memory is all there is.
  }
  return [...new Set(kept)].filter((name) => name.startsWith(beginning));
}
