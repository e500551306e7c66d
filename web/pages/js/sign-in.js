// The header's sign-in, shown where the server has `[auth]`. The token goes into a cookie that scripts cannot read; a page shows
// what it grants, so it starts anew.

import { call, Refusal } from "./call.js";
import { byId } from "./element.js";

const form = byId("sign-in", HTMLFormElement);
const token = byId("token", HTMLInputElement);
const problem = byId("sign-in-problem");

/** Shows who is signed in, or the form. @returns {Promise<string>} the name that the token gives, if any */
async function show() {
  const session = await call("/session").catch((/** @type {Refusal} */ refusal) => refusal);
  // A token that is good for nothing any more is as none.
  const isRefused = session instanceof Refusal && session.status === 401;
  if (session instanceof Refusal && !isRefused) return "";
  const isSignedIn = !isRefused && (session.subject ?? session.expires ?? null) !== null;
  byId("subject").textContent = isSignedIn ? (session.name ?? "Signed in") : "";
  byId("signed-in").hidden = !isSignedIn;
  form.hidden = isSignedIn || !(isRefused || session.required);
  return isSignedIn ? (session.name ?? "") : "";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    await call("/session", token.value.trim());
    location.reload();
  } catch (refusal) {
    problem.textContent = refusal instanceof Error ? refusal.message : String(refusal);
    // Which reads it out: it describes the field.
    token.focus();
  }
});

byId("sign-out").addEventListener("click", async () => {
  await fetch("/session", { method: "DELETE" });
  location.reload();
});

/** What others see the visitor as; empty without a token that says so. */
export const nameOfToken = await show();
