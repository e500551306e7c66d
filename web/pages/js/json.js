// Untrusted JSON: anybody can publish to a topic, and anybody can edit what a browser stores.

/** The value; null when the text is not JSON. @param {string | null} text @returns {any} */
export function parsed(text) {
  try {
    return JSON.parse(text ?? "null");
  } catch {
    return null;
  }
}
