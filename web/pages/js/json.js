// JSON from outside. Anybody can publish to a topic and anybody can edit what a browser stores, so it may be anything.

/** The value; null when the text is no JSON. @param {string | null} text @returns {any} */
export function parsed(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
