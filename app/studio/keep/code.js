// The request that makes a video, to be copied: for curl, Python and the command line.

/** @param {Video} video @returns {Record<string, any> & { prompt: string }} what has to be asked for to have it again */
export function asked(video) {
  const plan = video.optimization;
  return {
    prompt: plan.written_prompt ?? video.prompt,
    model: video.model,
    quality_tier: plan.asked_tier || plan.tier,
    size: video.size,
    num_frames: video.num_frames,
    fps: video.fps,
    seed: video.seed_text,
    ...(plan.style ? { style: plan.style } : {}),
    ...(plan.enhanced ? { enhance: true } : {}),
    ...(video.draft ? { speculative: true } : {}),
    ...(video.priority === "normal" ? {} : { priority: video.priority }),
  };
}

const quoted = (text) => `'${String(text).replaceAll("'", "'\\''")}'`;
const python = (value) => (value === true ? "True" : JSON.stringify(value)); // strings of JSON are strings of Python

/** @param {Video} video @param {string} base the server's address without a slash at the end @returns {Record<string, string>} */
export function code(video, base) {
  const wish = asked(video);
  return { curl: curl(wish, base), Python: program(wish, base), shell: command(wish, base) };
}

const curl = (wish, base) =>
  [
    `curl ${quoted(`${base}/v1/videos`)}`,
    "-H 'content-type: application/json'",
    '-H "authorization: Bearer $KINORAY_API_KEY"',
    `-d ${quoted(JSON.stringify(wish))}`,
  ].join(" \\\n  ");

function program({ prompt, ...others }, base) {
  const options = Object.entries(others).map(([name, value]) => `            ${name}=${name === "seed" ? value : python(value)},`);
  return [
    "import asyncio",
    "",
    "from kinoray import Kinoray",
    "",
    "",
    "async def main() -> None:",
    `    async with Kinoray(${python(base)}) as kinoray:`,
    "        video = await kinoray.create(",
    `            ${python(prompt)},`,
    ...options,
    "        )",
    "        await kinoray.wait(video.id)",
    '        await kinoray.download(video.id, "video.mp4")',
    "",
    "",
    "asyncio.run(main())",
  ].join("\n");
}

function command(wish, base) {
  const named = [["tier", wish.quality_tier], ["model", wish.model], ["size", wish.size], ["fps", wish.fps], ["seed", wish.seed], ["style", wish.style], ["priority", wish.priority]];
  const options = named.filter(([, value]) => value).map(([name, value]) => ` --${name} ${quoted(value)}`);
  return `kinoray --url ${quoted(base)} generate ${quoted(wish.prompt)}${options.join("")}${wish.enhance ? " --enhance" : ""} -o video.mp4`;
}
