// For whom an answer is. The token is in a cookie, which can become another's between two requests: what is for another reader must
// not reach those who share a connection.

import { Ended } from "./ends.js";

/** The hub's name for the reader of an answer; null where all read the same. @param {Response} response */
export const readerOf = ({ headers }) => headers.get("sse-reader");

/**
 * Throws `Ended` when an answer is for another reader than the one it was asked for.
 * @param {Response} response
 * @param {string | null | undefined} reader
 */
export function checkReader(response, reader) {
  const found = readerOf(response);
  if (!reader || found === null || found === reader) return;
  void response.body?.cancel().catch(() => {});
  throw new Ended();
}
