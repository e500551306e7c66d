// Sections of a page that fold: open beside the content of a wide page, closed above that of a narrow one.

/** @param {string} wide the width from which they are open */
export function foldBelow(wide) {
  const query = matchMedia(`(width > ${wide})`);
  for (const fold of document.querySelectorAll("details[data-fold]")) {
    const unfold = () => fold.toggleAttribute("open", query.matches);
    query.addEventListener("change", unfold);
    unfold();
  }
}
