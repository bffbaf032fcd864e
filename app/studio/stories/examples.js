// Films to begin with: prompts as the built-in model draws them, narration in the reader's language.

import { language } from "../words.js";

const column = language === "de" ? 1 : 0;

/** @type {{ title: [string, string], wish: object, scenes: { title: [string, string], prompt: string, narration: [string, string], more?: object }[] }[]} */
const FILMS = [
  {
    title: ["A day of shapes", "Ein Tag der Formen"],
    wish: { tier: "standard", seed: "7", transition: "crossfade", transition_seconds: 0.4, fit: "loop", music_level: 0.1 },
    scenes: [
      { title: ["Morning", "Morgen"], prompt: "a large yellow circle rises on a sky blue background", narration: ["In the morning, the sun comes up.", "Am Morgen geht die Sonne auf."] },
      { title: ["A walk on the beach", "Am Strand"], prompt: "a red ball rolls to the right on a sand background", narration: ["A red ball goes for a walk along the beach.", "Ein roter Ball spaziert am Strand entlang."] },
      { title: ["Two who meet", "Zwei begegnen sich"], prompt: "a red ball bounces and a blue square spins on a gray background", narration: ["It meets a blue square, which turns and turns for joy.", "Er trifft ein blaues Quadrat, das sich vor Freude dreht."], more: { seed: "11" } },
      { title: ["The forest", "Der Wald"], prompt: "a green triangle grows on a dark green background", narration: ["Behind them, a tree is growing in the forest.", "Hinter ihnen wächst ein Baum im Wald."] },
      { title: ["Night", "Nacht"], prompt: "a large white star falls on a night blue background", narration: ["At night, a white star falls, and everybody sleeps.", "In der Nacht fällt ein weißer Stern, und alle schlafen."], more: { transition: "fade" } },
    ],
  },
  {
    title: ["Three in the dark", "Drei im Dunkeln"],
    wish: { tier: "preview", transition: "fade", captions: "burnt", fit: "loop" },
    scenes: [
      { title: ["A ring", "Ein Ring"], prompt: "a purple ring orbits on a black background", narration: ["Something is moving out there.", "Dort draußen bewegt sich etwas."] },
      { title: ["A star", "Ein Stern"], prompt: "a small white star spins on a night blue background", narration: ["A star answers.", "Ein Stern antwortet."] },
      { title: ["Dawn", "Der Morgen"], prompt: "a large orange circle rises on a dark green background", narration: ["Then the morning comes, and nobody is alone.", "Dann kommt der Morgen, und niemand ist allein."] },
    ],
  },
];

export const EXAMPLES = FILMS.map(({ title, wish, scenes }) => ({
  title: title[column],
  language,
  ...wish,
  scenes: scenes.map((scene) => ({ prompt: scene.prompt, title: scene.title[column], narration: scene.narration[column], ...scene.more })),
}));
