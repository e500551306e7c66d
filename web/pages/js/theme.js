// The theme, light, dark or the system's: applied before the first paint, switched by the header's button, stored. A classic
// script, because modules run too late to avoid a flash. Dispatches `themechange` on document.

(() => {
  const KEY = "sse-hub.theme";
  const ORDER = ["system", "light", "dark"];
  const root = document.documentElement;

  /** Where storage is refused, as in some private modes, the choice lasts for this page. */
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null;
    }
  };

  const current = () => root.dataset.theme ?? "system";

  /** @param {string | null} theme */
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  };

  /** @param {string} theme */
  const remember = (theme) => {
    try {
      if (theme === "system") localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, theme);
    } catch {
      // Lasts for this page.
    }
  };

  const announce = () => document.dispatchEvent(new Event("themechange"));

  const describe = () => {
    const text = `Theme: ${current()}`;
    for (const label of document.querySelectorAll("[data-theme-label]")) label.textContent = text;
  };

  const next = () => {
    const theme = ORDER[(ORDER.indexOf(current()) + 1) % ORDER.length] ?? "system";
    apply(theme);
    remember(theme);
    describe();
    announce();
  };

  apply(stored());
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);
  // Another tab switched.
  addEventListener("storage", (event) => {
    if (event.key !== KEY) return;
    apply(event.newValue);
    describe();
    announce();
  });
  addEventListener("DOMContentLoaded", () => {
    describe();
    document.querySelector("[data-theme-switch]")?.addEventListener("click", next);
  });
})();
