// The request that makes a video, as the server tells it, to be copied: for curl, Python and the command line.

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
const python = (value) => JSON.stringify(value).replace(/^(true|false)$/, (word) => (word === "true" ? "True" : "False")); // else JSON is Python

// What the command says of a field; one that is not here it cannot say.
const FLAGS = {
  quality_tier: "tier", model: "model", size: "size", fps: "fps", seed: "seed", style: "style", negative_prompt: "negative", num_inference_steps: "steps",
  budget: "budget", sampler: "sampler", interpolate: "interpolate", upscale: "upscale", enhance: "enhance", deterministic: "deterministic", speculative: "speculative",
};

/** @typedef {{ path: string, body: Record<string, any> & { prompt: string }, exact: boolean }} Asked */

/**
 * @param {Asked} asked @param {string} id the video's @param {string} base the server's address without a slash at the end
 * @returns {Record<string, string>}
 */
export const code = (asked, id, base) => ({ curl: curl(asked, base), Python: program(asked, id, base), shell: command(asked, id, base) });

const curl = ({ path, body }, base) =>
  [
    `curl ${quoted(`${base}${path}`)}`,
    "-H 'content-type: application/json'",
    '-H "authorization: Bearer $KINORAY_API_KEY"',
    `-d ${quoted(JSON.stringify(body))}`,
  ].join(" \\\n  ");

const isRemix = ({ path }) => path.endsWith("/remix");

function program(asked, id, base) {
  const { prompt, ...others } = asked.body;
  const given = [...(isRemix(asked) ? [python(id)] : []), python(prompt), ...Object.entries(others).map(([name, value]) => `${name}=${name === "seed" ? value : python(value)}`)];
  return [
    "import asyncio",
    "",
    "from kinoray import Kinoray",
    "",
    "",
    "async def main() -> None:",
    `    async with Kinoray(${python(base)}) as kinoray:`,
    `        video = await kinoray.${isRemix(asked) ? "remix" : "create"}(`,
    ...given.map((each) => `            ${each},`),
    "        )",
    "        await kinoray.wait(video.id)",
    '        await kinoray.download(video.id, "video.mp4")',
    "",
    "",
    "asyncio.run(main())",
  ].join("\n");
}

function command(asked, id, base) {
  const { prompt, num_frames: frames, ...others } = asked.body;
  const said = Object.keys(others).every((name) => name in FLAGS) && !isRemix(asked);
  const verb = said ? "generate" : `remix ${quoted(id)}`;
  const flags = said ? Object.entries(others).map(([name, value]) => (value === true ? ` --${FLAGS[name]}` : ` --${FLAGS[name]} ${quoted(value)}`)) : [` --seed ${quoted(others.seed)}`];
  if (said && frames) flags.push(` --seconds ${quoted(frames / others.fps)}`);
  return `kinoray --url ${quoted(base)} ${verb} ${quoted(prompt)}${flags.join("")} -o video.mp4`;
}
