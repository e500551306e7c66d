// What the server takes as a name, a text and a room, so that people are told before they send. The server decides.

export const MAX_NAME = 40;
export const MAX_TEXT = 2000;

/** As the server counts: code points. @param {string} text */
export const length = (text) => [...text].length;

/** A name in the form that the server gives it. @param {string} text */
export const tidyName = (text) => text.normalize("NFC").trim().replace(/\s+/gu, " ");

/** What is wrong with a name; "" when nothing is. @param {string} name */
export function nameProblem(name) {
  if (!/[^\s\p{Default_Ignorable_Code_Point}\u2800]/u.test(name)) return "Write a name that can be seen.";
  if (length(name) > MAX_NAME) return `A name has at most ${MAX_NAME} characters, this one has ${length(name)}.`;
  return "";
}

/** What is wrong with a room's name; "" when nothing is. @param {string} room */
export function roomProblem(room) {
  if (/^[A-Za-z0-9._~:@-]{1,64}$/.test(room) && room !== "." && room !== "..") return "";
  return "The name of a room has 1 to 64 letters a-z, digits and . _ - ~ : @, without spaces.";
}
