// How one browsing context knows that another is gone, however it went: by a Web Lock that the other held.

/** Locks are there in secure contexts only: HTTPS, and localhost. @returns {LockManager | undefined} */
export function locks() {
  return globalThis.navigator?.locks;
}

/** The start of every name; the number is that of the messages that tabs and hosts exchange. */
export const SCOPE = "sse-hub 1";

/**
 * Holds a lock that nobody else knows of until `release` is called or this context is gone. The name is null where there are
 * no locks.
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
 * Calls back once the holder of the lock is gone. Several may wait for one holder.
 * @param {string} name
 * @param {() => void} gone
 * @returns {() => void} ends the wait
 */
export function whenGone(name, gone) {
  const wait = new AbortController();
  const request = locks()?.request(name, { mode: "shared", signal: wait.signal }, gone);
  // Rejects only when the wait was ended.
  request?.catch(() => {});
  return () => wait.abort();
}

/** As `crypto.randomUUID`, which is there in secure contexts only. */
export function randomName() {
  return [...crypto.getRandomValues(new Uint32Array(4))].map((part) => part.toString(36)).join("");
}
