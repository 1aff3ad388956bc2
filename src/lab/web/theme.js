// Light or dark: as the system says, until the reader chooses. The choice is the `color-scheme` of the root; every colour of the style
// is a pair that follows it, so nothing has to be drawn again.
import { button } from "./dom.js";

const NEXT = { auto: "dark", dark: "light", light: "auto" };

export function themeButton() {
  const root = document.documentElement;
  const toggle = button("", () => set(NEXT[root.dataset.theme]), { class: "theme" });
  function set(theme) {
    root.dataset.theme = theme;
    toggle.textContent = `Theme: ${theme}`;
  }
  set("auto");
  return toggle;
}
