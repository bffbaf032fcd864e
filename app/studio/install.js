// The page as an installed app: a service worker keeps its files, where the browser has one (over TLS, or on this machine).

import { sleep } from "./dom.js";

const CALM_MS = 2000; // behind the first look, which it must not slow down

/** Has the page's files kept, and those of rooms that have been opened. */
export async function keepPage() {
  if (!navigator.serviceWorker || !window.isSecureContext) return;
  await sleep(CALM_MS);
  try {
    // The one address that the page's policy lets become a script: a constant.
    const policy = /** @type {any} */ (window).trustedTypes?.createPolicy("worker", { createScriptURL: () => "studio/sw.js" });
    await navigator.serviceWorker.register(policy?.createScriptURL("") ?? "studio/sw.js", { scope: "./" });
    const { active } = await navigator.serviceWorker.ready;
    const files = performance.getEntriesByType("resource").map((each) => each.name).filter((each) => each.includes("/studio/") && !each.includes("/wall/"));
    active?.postMessage(files);
  } catch {
    // a browser that keeps nothing: the page goes without
  }
}
