"""A text and wishes come in, a draft of a storyboard goes out; nothing is generated."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from app.errors import InvalidRequest, KinorayError
from app.plan.prompt.enhance import Writer
from app.storyboards.drafting.by_model import Written, instruction, scenes_in
from app.storyboards.drafting.by_rules import MOST_CAPTION_CHARS, Outline, Told, outline
from app.storyboards.drafting.language import language_of
from app.storyboards.drafting.markup import blocks_of, cleaned
from app.storyboards.drafting.nearest import Nearest, Shown
from app.storyboards.drafting.options import MOST_BYTES, Draft, DraftOptions, DraftTools
from app.storyboards.drafting.prompts import joined
from app.types.storyboard import MOST_SCENES, Narrator, SceneWish, StoryWish
from app.types.understood import PlanWarning

_LONGEST_SCENE_S: Final = 120.0


async def draft(text: str, options: DraftOptions, tools: DraftTools) -> Draft:
    """Scenes for the text: by the language model of `tools`, else, or where that fails, by rules, which a note says.

    Takes time in proportion to the text, in a thread: at the very most some seconds for MOST_BYTES.

    Raises:
        InvalidRequest: the text has nothing to show (code "nothing_to_tell"), is longer than MOST_BYTES (code
            "text_too_long"; `param` "text" of both), or an option is out of its range (`param` its name).
    """
    _check(text, options, tools)
    language = options.language or language_of(text)
    told = await asyncio.to_thread(outline, text, options, language, tools)
    if tools.writer is None or not options.use_model:
        return _drafted(told, options, language, tools)
    try:
        written = await _written(tools.writer, text, options, language, tools)
    except asyncio.TimeoutError:
        return _by_rules(told, options, language, tools, f"it took longer than {tools.timeout_s:g} s")
    except KinorayError as error:
        return _by_rules(told, options, language, tools, str(error).rstrip("."))
    scenes = tuple(Told(each.narration or each.prompt, (each.prompt,), each.title) for each in written)
    return replace(_drafted(Outline(scenes, told.title), options, language, tools), by="model")


async def _written(
    writer: Writer, text: str, options: DraftOptions, language: str, tools: DraftTools
) -> tuple[Written, ...]:
    """Raises KinorayError, asyncio.TimeoutError."""
    world = tools.worlds.get(options.model or "")
    blocks = await asyncio.to_thread(blocks_of, cleaned(text))
    plain = "\n".join(f"# {block.text}" if block.kind == "heading" else block.text for block in blocks)
    told = await asyncio.wait_for(writer.write(instruction(options, language, world), plain), tools.timeout_s)
    most_said = tools.most_narration_chars if options.narrate else MOST_CAPTION_CHARS
    return scenes_in(told, options, tools.most_prompt_chars, most_said)


def _by_rules(told: Outline, options: DraftOptions, language: str, tools: DraftTools, why: str) -> Draft:
    found = _drafted(told, options, language, tools)
    return replace(found, notes=(*found.notes, f"Drafted by rules; the language model was not used: {why}."))


def _drafted(told: Outline, options: DraftOptions, language: str, tools: DraftTools) -> Draft:
    prompts, warnings = _prompts(told.scenes, options, language, tools)
    scenes = tuple(
        SceneWish(
            prompt=prompt,
            title=scene.title or None,
            seconds=scene.seconds,
            narration=scene.said if options.narrate else None,
            caption=None if options.narrate else scene.said,
        )
        for scene, prompt in zip(told.scenes, prompts, strict=True)
    )
    wish = StoryWish(
        scenes=scenes,
        title=told.title,
        model=options.model,
        style=options.style,
        tier=options.tier,
        narrator=Narrator(language=language, speed=options.speed),
    )
    return Draft(wish, (*told.notes, *_beyond(warnings, options)), "rules", warnings)


def _prompts(
    scenes: Sequence[Told], options: DraftOptions, language: str, tools: DraftTools
) -> tuple[tuple[str, ...], tuple[PlanWarning, ...]]:
    """What each scene shows, and what is beyond a model of few words."""
    world = tools.worlds.get(options.model or "")
    if world is None:
        return tuple(joined(scene.seen, language, tools.most_prompt_chars) for scene in scenes), ()
    nearest, shown = Nearest(world, options.model or ""), Shown()
    prompts: list[str] = []
    warnings: list[PlanWarning] = []
    for number, scene in enumerate(scenes):
        prompt, shown, beyond = nearest.prompt(scene.seen, shown)
        prompts.append(prompt)
        warnings += (replace(each, param=f"scenes[{number}].prompt") for each in beyond)
    return tuple(prompts), tuple(warnings)


def _beyond(warnings: Sequence[PlanWarning], options: DraftOptions) -> tuple[str, ...]:
    count = len({each.param for each in warnings})
    if not count:
        return ()
    spoken = "1 scene speaks" if count == 1 else f"{count} scenes speak"
    return (f"{spoken} of what {options.model} cannot draw: the prompts show what is most like it.",)


def _check(text: str, options: DraftOptions, tools: DraftTools) -> None:
    """Raises InvalidRequest."""
    size = len(text.encode(errors="replace"))
    if size > MOST_BYTES:
        message = f"The text has {size:,} bytes; at most {MOST_BYTES:,} are read."
        raise InvalidRequest(message, "text", "text_too_long")
    most = options.max_scenes
    for name, value, low, high in (
        ("max_scenes", most, 1, MOST_SCENES),
        ("scenes", options.scenes, 1, most),
        ("seconds", options.seconds, 1.0, tools.most_film_s),
        ("scene_seconds", options.scene_seconds, 1.0, _LONGEST_SCENE_S),
        ("speed", options.speed, 0.5, 2.0),
    ):
        if value is not None and not low <= value <= high:
            raise InvalidRequest(f"{name} must be from {low:g} to {high:g}.", name)
