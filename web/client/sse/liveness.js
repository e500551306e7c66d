// Detects that a tab or worker is gone, however it ended, by the Web Lock that it held.

/** Available in secure contexts only: HTTPS and localhost. @returns {LockManager | undefined} */
export function locks() {
  return globalThis.navigator?.locks;
}

/** Prefix of every name. The number is the version of the messages that tabs and hosts exchange. */
export const SCOPE = "sse-hub 3";

/**
 * Holds a lock of a unique name until `release` is called or this context is gone. The name is null where there are no locks.
 * @returns {Promise<{name: string | null, release: () => void}>}
 */
export function holdLock() {
  const manager = locks();
  if (!manager) return Promise.resolve({ name: null, release() {} });
  const name = `${SCOPE} ${randomName()}`;
  return new Promise((held) => {
    void manager.request(name, () => new Promise((release) => held({ name, release: () => release(undefined) })));
  });
}

/**
 * Calls back once the holder of the lock is gone.
 * @param {string} name
 * @param {() => void} gone
 * @returns {() => void} stops waiting
 */
export function whenGone(name, gone) {
  const wait = new AbortController();
  const request = locks()?.request(name, { mode: "shared", signal: wait.signal }, gone);
  // Rejects only when the wait was aborted.
  request?.catch(() => {});
  return () => wait.abort();
}

/** For want of `crypto.randomUUID`, which needs a secure context. */
export function randomName() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("");
}
