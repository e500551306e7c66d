// Matching of selectors: a topic, `prefix/*` for all topics below a prefix, `*` for all. Does not validate names.

/** Can it match several topics? @param {string} selector */
export const isPattern = (selector) => selector === "*" || selector.endsWith("/*");

/**
 * @param {string} selector
 * @param {string} other a topic or a selector
 */
function covers(selector, other) {
  if (selector === "*" || selector === other) return true;
  return selector.endsWith("/*") && other.startsWith(selector.slice(0, -1));
}

/**
 * Do the selectors match everything that this topic or selector matches?
 * @param {Iterable<string>} selectors
 * @param {string} other
 */
export function cover(selectors, other) {
  for (const selector of selectors) if (covers(selector, other)) return true;
  return false;
}

/**
 * The fewest of these selectors that match the same topics, sorted.
 * @param {Iterable<string>} selectors
 * @returns {string[]}
 */
export function fewest(selectors) {
  const all = [...new Set(selectors)];
  return all.filter((one) => !all.some((other) => other !== one && covers(other, one))).sort();
}
