// What happens to all videos, over one connection: a browser has six to a server, and one a card would take them all.

import { call } from "./api.js";

const SILENCE_MS = 30000; // the server says something every ten seconds
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

// Server-sent events through fetch, since EventSource cannot send a key.
async function* connection(last) {
  let watch = 0;
  /** @type {AbortController | null} */
  let abort = null;
  const heard = () => {
    clearTimeout(watch);
    watch = window.setTimeout(() => abort?.abort(), SILENCE_MS);
  };
  const signal = () => {
    abort = new AbortController();
    heard();
    return abort.signal;
  };
  try {
    const answer = await call("v1/events", { signal, headers: last ? { "last-event-id": last } : {} });
    const reader = /** @type {ReadableStream<any>} */ (answer.body).pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      heard();
      text += value.replaceAll("\r", "");
      const blocks = text.split("\n\n");
      text = blocks.pop() ?? "";
      for (const block of blocks) {
        const field = (name) => block.split("\n").find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
        const data = field("data");
        if (data) yield { kind: field("event"), id: field("id"), data: JSON.parse(data) };
      }
    }
  } finally {
    clearTimeout(watch);
    /** @type {AbortController | null} */ (abort)?.abort();
  }
}

// For ever: `tell` is given each event, `away` whether the server cannot be reached.
export async function follow(tell, away) {
  let last = null;
  for (let failed = 0; ; failed += 1) {
    try {
      for await (const event of connection(last)) {
        failed = 0;
        away(false);
        last = event.id ?? last;
        tell(event);
      }
    } catch (error) {
      console.info(`The event stream broke: ${error.message}`);
    }
    if (failed) away(true); // the first time it may only have been closed, to be opened anew
    await new Promise((resolve) => setTimeout(resolve, Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failed)));
  }
}
