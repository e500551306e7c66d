// The server's rules for names, messages and rooms, checked before sending. The server has the last word.

export const MAX_NAME = 40;
export const MAX_TEXT = 2000;

/** In code points, as the server counts. @param {string} text */
export const length = (text) => [...text].length;

/** The server's normal form of a name. @param {string} text */
export const tidyName = (text) => text.normalize("NFC").trim().replace(/\s+/gu, " ");

/** What is wrong with a name; "" when nothing is. @param {string} name */
export function nameProblem(name) {
  if (!/[^\s\p{Default_Ignorable_Code_Point}\u2800]/u.test(name)) return "Enter a name with visible characters.";
  if (length(name) > MAX_NAME) return `Names have at most ${MAX_NAME} characters; this one has ${length(name)}.`;
  return "";
}

/** What is wrong with a room's name; "" when nothing is. @param {string} room */
export function roomProblem(room) {
  if (/^[A-Za-z0-9._~:@-]{1,64}$/.test(room) && room !== "." && room !== "..") return "";
  return "Room names have 1 to 64 characters without spaces: letters a-z, digits and . _ - ~ : @";
}
