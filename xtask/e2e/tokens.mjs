// Tokens of a hub whose settings file these settings are in.

import { createHmac } from "node:crypto";

const SECRET = "a secret of more than thirty-two bytes";

/** The section `[auth]`, with these lines in it. */
export const auth = (lines = "") => `[auth]\n${lines}\n[[auth.jwt]]\nalgorithm = "HS256"\nsecret = "${SECRET}"\n`;

/** A token of this subject, good for some minutes. */
export function tokenOf(name, grants) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { sub: name, name, exp: Math.floor(Date.now() / 1000) + 600, sse: grants };
  const signed = `${part({ alg: "HS256", typ: "JWT" })}.${part(claims)}`;
  return `${signed}.${createHmac("sha256", SECRET).update(signed).digest("base64url")}`;
}
