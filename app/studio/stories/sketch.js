// A scene that nobody has made yet as a sketch: the colours that its words name, on the ground that they name.

const COLOURS = {
  red: "#d9433c", rot: "#d9433c", crimson: "#b3123b", scarlet: "#c8281e", orange: "#ef8a2c", gold: "#d9a521", yellow: "#f2cb3d", gelb: "#f2cb3d",
  green: "#3f9a54", grün: "#3f9a54", blue: "#3c6fd9", blau: "#3c6fd9", navy: "#1d2b57", cyan: "#35b6c9", teal: "#1f8a86", purple: "#8452c9", violet: "#8452c9",
  lila: "#8452c9", pink: "#e77fae", rosa: "#e77fae", white: "#f3f3ef", weiß: "#f3f3ef", black: "#15161a", schwarz: "#15161a", gray: "#8b8f98", grey: "#8b8f98",
  grau: "#8b8f98", brown: "#7b5436", braun: "#7b5436", sand: "#dcc08d", beach: "#dcc08d", strand: "#dcc08d", sky: "#8fc3ea", himmel: "#8fc3ea", sea: "#2b6f9e",
  ocean: "#2b6f9e", meer: "#2b6f9e", forest: "#23503a", wald: "#23503a", night: "#182344", nacht: "#182344", snow: "#eef3f7", schnee: "#eef3f7", sunset: "#e9764b",
};
const PLAIN = ["#7d8594", "#3d4350"];

/** @param {HTMLElement} element @param {string} prompt */
export function sketch(element, prompt) {
  const named = prompt.toLowerCase().match(/\p{L}+/gu)?.map((word) => COLOURS[word]).filter(Boolean) ?? [];
  const ground = named.at(-1) ?? PLAIN[1];
  const spot = named.length > 1 ? named[0] : PLAIN[0];
  const second = named.length > 2 ? named[1] : spot;
  element.style.background = `radial-gradient(circle at 36% 58%, ${spot} 0 17%, transparent 17.6%), radial-gradient(circle at 68% 42%, ${second} 0 9%, transparent 9.6%), linear-gradient(160deg, ${ground}, color-mix(in srgb, ${ground} 72%, #000))`;
}
