// What happens to all videos, over one connection: a browser has six to a server, and one a card would take them all.

import { call } from "./api.js";
import { sleep } from "./dom.js";

const SILENCE_MS = 30000; // the server says something every ten seconds
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

/**
 * @typedef {{ kind: string, id?: string, data: any }} FeedEvent
 * @typedef {{ tell: (event: FeedEvent) => void, away: (is: boolean) => void, alive: () => void }} FeedReader `tell` is given
 *   each event, `away` whether the server cannot be reached, `alive` is called whenever it is heard of
 */

// Server-sent events through fetch, since EventSource cannot send a key.
async function* connection(last, alive, over) {
  let watch = 0;
  let abort = new AbortController();
  const heard = () => {
    clearTimeout(watch);
    watch = window.setTimeout(() => abort.abort(), SILENCE_MS);
  };
  const signal = () => {
    if (over.aborted) return over;
    abort = new AbortController();
    heard();
    return abort.signal;
  };
  const end = () => abort.abort();
  over.addEventListener("abort", end);
  try {
    const answer = await call("v1/events", { signal, headers: last ? { "last-event-id": last } : {} });
    const reader = /** @type {ReadableStream<any>} */ (answer.body).pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      alive();
      text += value.replaceAll("\r", "");
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field("data");
        if (data && !over.aborted) yield { kind: field("event") ?? "", id: field("id"), data: JSON.parse(data) };
      }
    }
  } finally {
    clearTimeout(watch);
    over.removeEventListener("abort", end);
    end();
  }
}

/** On from behind an event, until `over` is aborted. @param {string | null} last @param {FeedReader} reader @param {AbortSignal} over */
export async function follow(last, { tell, away, alive }, over) {
  for (let failed = 0; !over.aborted; failed += 1) {
    try {
      for await (const event of connection(last, alive, over)) {
        failed = 0;
        away(false);
        last = event.id ?? last;
        tell(event);
      }
    } catch (error) {
      if (over.aborted) return;
      console.info(`The event stream broke: ${error.message}`);
    }
    if (failed && !over.aborted) away(true); // the first time it may only have been closed, to be opened anew
    await sleep(Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failed));
  }
}
