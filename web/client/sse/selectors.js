// Which topics a selector stands for: a topic itself, `prefix/*` for all below a prefix, `*` for all. Checks no names.

/**
 * @param {string} selector
 * @param {string} other a topic or a selector
 */
function covers(selector, other) {
  if (selector === "*" || selector === other) return true;
  return selector.endsWith("/*") && other.startsWith(selector.slice(0, -1));
}

/**
 * Do the selectors stand for all that this topic or selector stands for?
 * @param {Iterable<string>} selectors
 * @param {string} other
 */
export function cover(selectors, other) {
  for (const selector of selectors) if (covers(selector, other)) return true;
  return false;
}

/**
 * As few selectors as stand for all of these, sorted.
 * @param {Iterable<string>} selectors
 * @returns {string[]}
 */
export function fewest(selectors) {
  const all = [...new Set(selectors)];
  return all.filter((one) => !all.some((other) => other !== one && covers(other, one))).sort();
}
