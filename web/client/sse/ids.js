// The order of event ids of the form `epoch-seq`. Other ids, and ids of different epochs, cannot be compared.

const ID = /^(.+)-([0-9]{1,20})$/;

/**
 * Negative when `a` is older, 0 when they are equal, null when they cannot be compared.
 * @param {string} a
 * @param {string} b
 * @returns {number | null}
 */
export function compareIds(a, b) {
  if (a === b) return 0;
  const [, epochA, seqA] = ID.exec(a) ?? [];
  const [, epochB, seqB] = ID.exec(b) ?? [];
  if (epochA === undefined || epochA !== epochB) return null;
  return Number(seqA) - Number(seqB);
}

/**
 * Is the event with this id still to be delivered to a reader at `cursor`? True when they cannot be compared.
 * @param {string} id
 * @param {string} cursor
 */
export function isPast(id, cursor) {
  const order = compareIds(id, cursor);
  return order === null || order > 0;
}
