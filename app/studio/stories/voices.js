// Voices: who may narrate here, and how one sounds before it is used.

import { call, get, post } from "../api.js";
import { language as page } from "../words.js";

const MOST_CHARS = 300;
/** @type {Promise<{ available: boolean, data: VoiceEntry[] }> | null} */
let asked = null;

/** Raises Refusal. */
export function voices() {
  asked ??= get("v1/voices").catch((error) => {
    asked = null;
    throw error;
  });
  return asked;
}

const primary = (tag) => tag.toLowerCase().split("-")[0];

/** Whether a voice speaks a language. @param {VoiceEntry} voice @param {string} language */
export const speaks = (voice, language) => voice.language == null || primary(voice.language) === primary(language);

/** A language as the reader calls it. @param {string} tag */
export function languageName(tag) {
  try {
    return new Intl.DisplayNames([page], { type: "language" }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}

/** Languages that the voices speak, each once, by name. @param {VoiceEntry[]} found @returns {[string, string][]} tag and name */
export function languages(found) {
  const tags = new Set(["en", "de", ...found.flatMap(({ language }) => (language ? [primary(language)] : []))]);
  return [...tags].map((tag) => /** @type {[string, string]} */ ([tag, languageName(tag)])).sort((a, b) => a[1].localeCompare(b[1], page));
}

const player = new Audio();
let playing = "";

export function hush() {
  player.pause();
  playing = "";
}

/** Says it, until it is said or another is asked for. Raises Refusal. @param {{ text: string, voice: string, language: string, speed: number }} wish */
export async function listen({ text, voice, language, speed }) {
  hush();
  const wish = { text: text.slice(0, MOST_CHARS), language, ...(voice ? { voice } : {}), ...(speed === 1 ? {} : { speed }) };
  const mine = (playing = JSON.stringify(wish));
  const answer = await call("v1/voices/preview", { method: "POST", headers: { "content-type": "application/json" }, body: mine });
  const address = URL.createObjectURL(await answer.blob());
  if (playing !== mine) return URL.revokeObjectURL(address);
  player.src = address;
  await new Promise((resolve) => {
    player.onended = player.onpause = player.onerror = () => resolve(undefined);
    player.play().catch(() => resolve(undefined));
  });
  URL.revokeObjectURL(address);
  return undefined;
}

/** What a text becomes as scenes; nothing is made. Raises Refusal. @param {object} wish */
export const scenesOf = (wish) => post("v1/storyboards/draft", wish);
