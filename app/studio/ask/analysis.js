// What the server would do with the prompt, while it is typed: the plan in figures, the words that made it, each tier's price.

import { post } from "../api.js";
import { warn } from "../sentences.js";
import { $, h, say, soon } from "../dom.js";
import { known, money, number, percent, seconds, span, t } from "../words.js";
import { marked } from "./marks.js";
import { TIERS, tier, wishes } from "./form.js";

const TYPED_MS = 250;
const PRICED_MS = 700;
let asked = 0;
let behind = t("plan.first"); // whom a new one would wait for
/** @type {Analysis | null} */
export let latest = null;

async function analysed() {
  const mine = (asked += 1);
  const first = $("many").value === "lines" ? ($("prompt").value.split("\n").find((line) => line.trim()) ?? "").trim() : undefined;
  const wanted = wishes(first);
  if (!wanted.prompt) return shown(null);
  try {
    const found = await post("api/optimization/analyze", wanted);
    if (mine === asked) shown(found);
  } catch (error) {
    if (mine !== asked) return;
    shown(null);
    say($("plan"), error.message);
    $("plan").classList.add("refused");
  }
}

/** @param {Analysis | null} found */
function shown(found) {
  latest = found;
  $("plan").classList.remove("refused");
  marked($("prompt").value, found);
  warn($("plan-warnings"), found?.warnings);
  $("plan-unknown").hidden = !found?.understood?.unknown.length;
  if (!found) {
    unpriced();
    return void $("plan").replaceChildren(t("plan.empty"));
  }
  priceCard(tier(), found);
  const head = `${known("class", found.complexity)} (${found.complexity_score}): ${found.tier}, ${found.steps} ${t("plan.steps")}, ${seconds(found.estimated_seconds)}`;
  const figure = (name, value) => h("div", {}, h("dt", {}, t(name)), h("dd", {}, value));
  $("plan").replaceChildren(
    h("p", { className: "plan-head" }, head),
    h(
      "dl",
      { className: "figures" },
      figure("plan.runs", `${found.evaluations} / ${found.fixed_default_steps}`),
      figure("plan.saved", percent(found.steps_saved_share)),
      figure("plan.time", span(found.estimated_seconds)),
      found.estimated_cost ? figure("plan.money", money(found.estimated_cost)) : null,
      figure("plan.line", h("span", { id: "plan-line" }, behind)),
    ),
  );
}

/** How many wait now. @param {number} jobs */
export function waitingNow(jobs) {
  behind = jobs ? t("plan.behind", { n: number(jobs) }) : t("plan.first");
  if ($("plan-line")) say($("plan-line"), behind);
}

// Each tier's own plan for the same words: what its card costs now.
let priced = 0;
async function prices() {
  const mine = (priced += 1);
  const wanted = wishes();
  if (!wanted.prompt || $("many").value === "lines") return;
  for (const name of TIERS) {
    if (name === tier()) continue;
    try {
      const found = await post("api/optimization/analyze", { ...wanted, quality_tier: name });
      if (mine !== priced) return;
      priceCard(name, found);
    } catch {
      return; // the plan itself says what is wrong
    }
  }
}

// Without a prompt there is no price: each tier says what it is for.
function unpriced() {
  for (const name of TIERS) {
    const about = document.querySelector(`.tier[data-tier="${name}"]`);
    if (!about) continue;
    say(/** @type {any} */ (about.querySelector(".runs")), t(`tier.hint.${name}`));
    say(/** @type {any} */ (about.querySelector(".time")), "\u00a0");
  }
}

/** @param {string} name @param {Analysis} found */
function priceCard(name, found) {
  const about = document.querySelector(`.tier[data-tier="${name}"]`);
  if (!about) return;
  const cost = found.estimated_cost ? ` · ${money(found.estimated_cost)}` : "";
  say(/** @type {any} */ (about.querySelector(".runs")), t("tier.about", { n: found.evaluations, of: found.fixed_default_steps }));
  say(/** @type {any} */ (about.querySelector(".time")), `${span(found.estimated_seconds)}${cost}`);
}

const analyseSoon = soon(analysed, TYPED_MS);
const priceSoon = soon(prices, PRICED_MS);
export function analyse() {
  marked($("prompt").value, latest);
  analyseSoon();
  priceSoon();
}
