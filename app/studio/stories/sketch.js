// A scene that nobody has made yet as a sketch: the colours that its words name, on the ground that they name.

const COLOURS = {
  "sky blue": "#86bfe8", "night blue": "#18224a", "dark green": "#23503a", "dark blue": "#1d2b57", "light blue": "#9cc9ea", "light green": "#9bcf94",
  red: "#d9433c", rot: "#d9433c", crimson: "#b3123b", scarlet: "#c8281e", orange: "#ef8a2c", gold: "#d9a521", yellow: "#f2cb3d", gelb: "#f2cb3d",
  green: "#3f9a54", grün: "#3f9a54", blue: "#3c6fd9", blau: "#3c6fd9", navy: "#1d2b57", cyan: "#35b6c9", teal: "#1f8a86", purple: "#8452c9", violet: "#8452c9",
  lila: "#8452c9", pink: "#e77fae", rosa: "#e77fae", white: "#f3f3ef", weiß: "#f3f3ef", black: "#15161a", schwarz: "#15161a", gray: "#8b8f98", grey: "#8b8f98",
  grau: "#8b8f98", brown: "#7b5436", braun: "#7b5436", sand: "#dcc08d", beach: "#dcc08d", strand: "#dcc08d", sky: "#86bfe8", himmel: "#86bfe8", sea: "#2b6f9e",
  ocean: "#2b6f9e", meer: "#2b6f9e", forest: "#23503a", wald: "#23503a", night: "#18224a", nacht: "#18224a", snow: "#eef3f7", schnee: "#eef3f7", sunset: "#e9764b",
};
const PLAIN = ["#7d8594", "#3d4350"];

/** The colours that a text names, in its order. @param {string} prompt */
export function colours(prompt) {
  const words = prompt.toLowerCase().match(/\p{L}+/gu) ?? [];
  const found = [];
  for (let at = 0; at < words.length; at += 1) {
    const both = COLOURS[`${words[at]} ${words[at + 1]}`];
    const colour = both ?? COLOURS[words[at]];
    if (both) at += 1;
    if (colour) found.push(colour);
  }
  return found;
}

/** @param {HTMLElement} element @param {string} prompt */
export function sketch(element, prompt) {
  const named = colours(prompt);
  const ground = named.length > 1 || /background|ground|hintergrund/i.test(prompt) ? (named.at(-1) ?? PLAIN[1]) : PLAIN[1];
  const things = named.length > 1 ? named.slice(0, -1) : ground === PLAIN[1] && named.length ? named : [PLAIN[0]];
  const spots = [`radial-gradient(circle at 37% 55%, ${things[0]} 0 19%, transparent 19.4%)`];
  if (things[1]) spots.push(`radial-gradient(circle at 70% 44%, ${things[1]} 0 13%, transparent 13.4%)`);
  element.style.background = [...spots, `linear-gradient(165deg, ${ground}, color-mix(in srgb, ${ground} 70%, #000))`].join(", ");
}
