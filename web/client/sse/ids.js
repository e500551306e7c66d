// The order of event ids of the form `epoch-seq`. Ids of other forms, and of different epochs, have none.

const ID = /^(.+)-([0-9]{1,20})$/;

/**
 * Negative when `a` is older, 0 when they are the same place, null when they cannot be compared.
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
 * Does a reader at `cursor` still lack what has this id? What cannot be compared it does.
 * @param {string} id
 * @param {string} cursor
 */
export function isPast(id, cursor) {
  const order = compareIds(id, cursor);
  return order === null || order > 0;
}
