// An id that nobody else has, for idempotency keys and clients.

/** 128 random bits in hexadecimal. `crypto.randomUUID` is for secure origins alone. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
