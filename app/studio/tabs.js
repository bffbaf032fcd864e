// One event stream for all tabs of a browser: the tab that has the lock holds it and tells the others, who go on where it ends.

import { key, onKey } from "./api.js";
import { follow } from "./feed.js";

const VERSION = 1; // of what tabs say to each other: pages of another one share nothing with this
const QUIET_MS = 15000; // the server says something every ten seconds, and who holds the stream passes it on
const ANSWER_MS = 4000; // a tab that is there answers within this, also in the background
const LOOK_MS = 5000;

/** @typedef {import("./feed.js").FeedEvent} FeedEvent */

// Tabs with another key, or of another service of this host, share nothing. Null: they cannot (no TLS and not this machine).
async function nameOf(text) {
  if (!navigator.locks || !crypto.subtle || !window.BroadcastChannel) return null;
  const said = new TextEncoder().encode(`${VERSION} ${new URL("./", location.href)} ${text}`);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", said));
  return `kinoray-${[...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`; // a key itself is in no name
}

/**
 * Follows what happens for as long as the page is there, with the other tabs that have its key.
 * @param {(event: FeedEvent) => void} tell each event, in their order; some twice, where the one who held the stream has gone
 * @param {(is: boolean) => void} away whether the server cannot be reached
 * @param {() => Video[]} live what is under way, for a tab that has just come
 */
export function followTogether(tell, away, live) {
  /** @type {string | null} */
  let last = null; // the event that this tab has heard last, from whomever
  let left = new AbortController();
  const take = (event) => {
    last = event.id ?? last;
    tell(event);
  };

  async function join() {
    left.abort();
    left = new AbortController();
    const { signal } = left;
    const name = await nameOf(key() ?? "").catch(() => null);
    if (signal.aborted) return;
    if (name) member(name, signal);
    else follow(last, { tell: take, away, alive: () => {} }, signal);
  }

  /** @param {string} name @param {AbortSignal} gone */
  function member(name, gone) {
    const me = crypto.randomUUID();
    const channel = new BroadcastChannel(name);
    const say = (what) => !gone.aborted && channel.postMessage(what);
    let turn = new AbortController(); // of waiting for the lock, or of holding it
    let [holds, open, isAway, misses, steals] = [false, false, false, false, false];
    let [heard, doubt] = [performance.now(), 0];
    const trust = () => {
      clearTimeout(doubt);
      doubt = 0;
    };
    // Whoever holds it answers, or does so no longer: frozen, or stuck. The lock is taken from it then.
    const ask = () => {
      if (holds || doubt) return;
      const asked = performance.now();
      say({ ask: me });
      doubt = window.setTimeout(() => {
        doubt = 0;
        if (heard > asked) return ask();
        steals = true;
        turn.abort();
      }, ANSWER_MS * (1 + Math.random())); // of several, one is the first
    };

    /** @param {AbortSignal} over */
    function hold(over) {
      if (over.aborted) return;
      trust();
      [holds, open] = [true, false];
      const reader = {
        tell: (event) => {
          open ||= event.kind === "ready";
          say({ event, behind: last });
          take(event);
        },
        away: (is) => {
          if (is !== isAway) say({ away: is });
          isAway = is;
          away(is);
        },
        alive: () => say({}),
      };
      follow(last, reader, over);
      return new Promise((resolve) => over.addEventListener("abort", resolve));
    }

    async function compete() {
      while (!gone.aborted) {
        turn = new AbortController();
        const { signal } = turn;
        if (!steals) ask();
        const how = steals ? { steal: true } : { signal };
        steals = false;
        try {
          await navigator.locks.request(name, how, () => hold(signal));
        } catch (error) {
          if (error.name !== "AbortError") return follow(last, { tell: take, away, alive: () => {} }, gone);
        }
        turn.abort(); // it was given up, or taken from this tab
        holds = false;
        trust();
      }
    }

    /** @param {{ last: string | null, open: boolean, away: boolean, live: Video[] }} answer */
    function answered(answer) {
      const first = last === null;
      misses ||= !first && answer.last !== last;
      last = answer.last;
      for (const video of answer.live) tell({ kind: "snapshot", data: video });
      if (misses || (first && answer.open)) tell({ kind: "ready", data: { whole: !misses } });
      misses = false;
    }

    channel.onmessage = ({ data }) => {
      if (data.ask) return void (holds && say({ to: data.ask, answer: { last, open, live: live() }, away: isAway }));
      if (holds) return; // who held it before has not noticed yet
      if (data.event && data.behind !== last && (last !== null || !doubt)) {
        misses = true; // told by a tab that had heard more, or less
        ask();
      }
      heard = performance.now();
      if (data.to === me) {
        trust();
        answered(data.answer);
      }
      if (data.event) take(data.event);
      if (data.away !== undefined && (!data.to || data.to === me)) {
        isAway = data.away;
        away(isAway);
      }
    };
    const look = () => document.visibilityState === "visible" && ask();
    const looks = setInterval(() => performance.now() - heard > QUIET_MS && look(), LOOK_MS);
    document.addEventListener("visibilitychange", look);
    gone.addEventListener("abort", () => {
      clearInterval(looks);
      clearTimeout(doubt);
      document.removeEventListener("visibilitychange", look);
      channel.close();
      turn.abort();
    });
    compete();
  }

  onKey(join);
  // Nobody waits for a page that sleeps, and the browser keeps none for "back" that holds a lock or a connection.
  for (const name of ["pagehide", "freeze"]) addEventListener(name, () => left.abort(), true);
  for (const name of ["pageshow", "resume"]) addEventListener(name, (event) => (name === "resume" || /** @type {PageTransitionEvent} */ (event).persisted) && join(), true);
  join();
}
