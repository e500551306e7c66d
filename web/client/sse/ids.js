// The order of event ids of the form `epoch-seq`. Each start of a hub begins an epoch, and its seqs go on, so the seq alone
// is the order. After a gap that says `unknown-id` the ids are of another log: those from before cannot be compared with them.
// Ids of another form cannot be compared at all.

const ID = /^.+-([0-9]{1,20})$/;

/**
 * Negative when `a` is older, 0 when they are equal, null when they cannot be compared.
 * @param {string} a
 * @param {string} b
 * @returns {number | null}
 */
export function compareIds(a, b) {
  if (a === b) return 0;
  const [, seqA] = ID.exec(a) ?? [];
  const [, seqB] = ID.exec(b) ?? [];
  return seqA === undefined || seqB === undefined ? null : Number(seqA) - Number(seqB);
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
