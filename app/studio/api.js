// Asks the server. Where it wants a key, the person is asked once, and all that waits for one goes on with it.

const NAME = "kinoray-key";
const $ = (id) => document.getElementById(id);
const kept = (() => {
  try {
    localStorage.removeItem(NAME); // where an earlier version of this page left it, for ever
    return window.sessionStorage; // of this tab, until it is closed
  } catch {
    return null; // where the browser keeps nothing, the key lives as long as the page
  }
})();
let given = { key: kept?.getItem(NAME) ?? null };
let asking = null; // { promise, resolve } while the person is asked

export class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

// `signal` makes the signal of each try, since one try may wait long for a key.
export async function call(path, { signal, ...options } = {}) {
  for (;;) {
    const used = given;
    const headers = { ...(options.headers ?? {}), ...(used.key ? { authorization: `Bearer ${used.key}` } : {}) };
    const answer = await fetch(path, { ...options, headers, signal: signal?.() });
    if (answer.status !== 401) {
      if (used.key && used === given) accepted();
      if (answer.ok) return answer;
      throw await refusal(answer);
    }
    await another(used);
  }
}

export const post = (path, body) =>
  call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

async function refusal(answer) {
  const problem = (await answer.json().catch(() => ({}))).error ?? { message: `The server answered ${answer.status}.` };
  const again = answer.headers.get("retry-after");
  return new Refusal(again ? `${problem.message} Try again in ${again} s.` : problem.message, answer.status);
}

function accepted() {
  kept?.setItem(NAME, given.key);
  $("key").hidden = true;
  $("key-text").value = "";
}

// Settles once there is another key than the one that was refused, however many ask for it.
function another(refused) {
  if (refused !== given) return Promise.resolve();
  if (!asking) {
    asking = {};
    asking.promise = new Promise((resolve) => (asking.resolve = resolve));
    kept?.removeItem(NAME);
    $("key-trouble").textContent = refused.key ? "The server refused that key." : "";
    $("key").hidden = false;
    $("key-text").focus();
    $("key-text").select();
  }
  return asking.promise;
}

$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("key-text").value.trim();
  if (!/^[!-~]+$/.test(text)) return void ($("key-trouble").textContent = "A key has no blanks and only ASCII characters.");
  $("key-trouble").textContent = "";
  given = { key: text };
  const { resolve } = asking ?? {};
  asking = null;
  resolve?.();
});
