// Unique ids for idempotency keys and clients.

/** 128 random bits in hexadecimal. `crypto.randomUUID` needs a secure context. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
