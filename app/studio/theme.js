// Light, dark or high contrast: as the system says, until the person says otherwise.

import { $, icon } from "./dom.js";
import { kept, t } from "./words.js";

const NAME = "kinoray-theme";
const THEMES = ["auto", "light", "dark", "contrast"];
let chosen = kept?.getItem(NAME) ?? "auto";

function show() {
  document.documentElement.dataset.theme = chosen;
  const label = t("theme", { name: t(`theme.${chosen}`) });
  $("theme").replaceChildren(icon("theme"));
  $("theme").title = label;
  $("theme").setAttribute("aria-label", label);
}

/** The next one, or the one that is named. @param {string} [name] */
export function switchTheme(name) {
  chosen = name ?? THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
  kept?.setItem(NAME, chosen);
  show();
}

export { THEMES };
if (!THEMES.includes(chosen)) chosen = "auto";
$("theme").addEventListener("click", () => switchTheme());
show();
