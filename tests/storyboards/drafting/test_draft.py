"""Texts become storyboards that the API takes, by rules or by a real language model."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from app.embedded.profile import MODEL_ID
from app.engine.prompt_writer import TransformersWriter
from app.errors import InvalidRequest
from app.models.vocabularies import readers
from app.settings import Settings
from app.storyboards.drafting.draft import draft
from app.storyboards.drafting.opening import open_drafting
from app.storyboards.drafting.options import MOST_BYTES, Draft, DraftOptions, DraftTools
from app.types.storyboard import MOST_SCENES
from tests.engine.test_prompt_writer import saved

pytestmark = pytest.mark.anyio

ARTICLE = """# The life of a star

A star begins in a cloud of cold gas. It shrinks for millions of years under its own weight.

## Fire

When its centre is hot enough, the star lights up. Our sun has been burning for 4.6 billion years!

## The end

- A red giant grows.
- It swallows its planets.
"""
LONG = " ".join(f"Sentence number {number} says that the ball rolls." for number in range(2000))
TOOLS = open_drafting(Settings(_env_file=None))


async def drafted(text: str, tools: DraftTools = TOOLS, **options: Any) -> Draft:
    return await draft(text, DraftOptions(**options), tools)


async def test_an_article_becomes_scenes_under_its_headings() -> None:
    found = await drafted(ARTICLE)
    assert (found.wish.title, found.wish.narrator.language, found.by, found.notes) == (
        "The life of a star", "en", "rules", ()
    )  # fmt: skip
    assert [scene.title for scene in found.wish.scenes] == [
        "A star begins in a cloud…", "Fire", "Our sun has been burning for…", "The end", "It swallows its planets"
    ]  # fmt: skip
    first = found.wish.scenes[0]
    assert first.narration == ARTICLE.split("\n")[2]
    assert first.prompt == (
        "A star begins in a cloud of cold gas. A star shrinks for millions of years under its own weight."
    )
    assert found.wish.scenes[-1].prompt == "A red giant swallows its planets."
    assert {(scene.caption, scene.seconds) for scene in found.wish.scenes} == {(None, None)}


async def test_one_sentence_is_one_scene() -> None:
    (scene,) = (await drafted("A red ball rolls")).wish.scenes
    assert (scene.prompt, scene.narration) == ("A red ball rolls", "A red ball rolls")


@pytest.mark.parametrize("text", ["BUY NOW", "# Only\n\n## Headings", "MAN\nWOMAN"])
async def test_headings_alone_are_told(text: str) -> None:
    assert [scene.narration for scene in (await drafted(text)).wish.scenes]


async def test_who_speaks_does_not_speak_of_what_was_spoken_of() -> None:
    found = await drafted('The first men landed. "That\'s one small step," said Armstrong.', scenes=2)
    assert found.wish.scenes[1].prompt == "That's one small step, said Armstrong."


async def test_text_without_spaces_is_read_by_its_marks() -> None:
    found = await drafted("太阳从海上升起。它照亮了整个城市。人们开始新的一天，孩子们去上学，商店开门了。")
    assert found.wish.narrator.language == "zh"
    assert [scene.narration for scene in found.wish.scenes] == [
        "太阳从海上升起。它照亮了整个城市。", "人们开始新的一天，孩子们去上学，商店开门了。"
    ]  # fmt: skip


@pytest.mark.parametrize("scenes", [1, 2, 5, 60])
async def test_a_wished_number_of_scenes_is_met(scenes: int) -> None:
    assert len((await drafted(LONG, scenes=scenes)).wish.scenes) == scenes


async def test_a_wished_length_is_met_by_leaving_out_and_said() -> None:
    from app.storyboards.pace import estimated_s

    found = await drafted(LONG, seconds=60.0)
    told_s = sum(estimated_s(scene.narration or "") + 0.8 for scene in found.wish.scenes)
    assert told_s == pytest.approx(60.0, rel=0.15)
    assert "sentences were kept" in found.notes[0]


async def test_a_short_text_is_stretched_to_the_wished_length_where_clips_are_that_long() -> None:
    found = await drafted("A ball rolls. A box spins.", scenes=2, seconds=20.0)
    assert sum(scene.seconds or 0 for scene in found.wish.scenes) == pytest.approx(20.0, abs=0.2)
    short = await drafted("A ball rolls. A box spins.", scenes=2, seconds=20.0, longest_clip_s=2.0)
    assert [scene.seconds for scene in short.wish.scenes] == [None, None]
    assert "shorter than wished" in short.notes[0]


async def test_without_narration_the_text_is_shown_in_captions_that_the_api_takes() -> None:
    found = await drafted(LONG, narrate=False, scenes=3)
    assert all(scene.narration is None and 0 < len(scene.caption or "") <= 500 for scene in found.wish.scenes)
    assert all(scene.seconds for scene in found.wish.scenes)
    assert "left out" in found.notes[-1]


async def test_the_whole_film_of_a_long_text_may_be_made() -> None:
    found = await drafted(LONG * 2)
    assert len(found.wish.scenes) == MOST_SCENES
    assert sum(len(scene.narration or "") for scene in found.wish.scenes) * 0.066 < 1800


async def test_too_few_sentences_for_the_wished_number_are_said() -> None:
    found = await drafted("A ball.", scenes=3)
    assert (len(found.wish.scenes), found.notes) == (1, ("The text has enough for 1 scenes, not for 3.",))


async def test_prompts_for_a_model_of_few_words_are_what_it_can_draw() -> None:
    found = await drafted(ARTICLE, model=MODEL_ID)
    understand = readers()[MODEL_ID].understand
    assert [understand(scene.prompt)[1] for scene in found.wish.scenes] == [()] * 5
    assert found.wish.scenes[-2].prompt == "a large red circle grows on a black background"
    assert {each.param for each in found.warnings} == {f"scenes[{at}].prompt" for at in range(5)}
    assert "cannot draw" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "options", "param", "code"),
    [
        ("", {}, "text", "nothing_to_tell"),
        ("... — 🚀", {}, "text", "nothing_to_tell"),
        ("```\ncode\n```", {}, "text", "nothing_to_tell"),
        ("a" * (MOST_BYTES + 1), {}, "text", "text_too_long"),
        ("ä" * (MOST_BYTES // 2 + 1), {}, "text", "text_too_long"),
        ("a", {"scenes": 0}, "scenes", "invalid_request"),
        ("a", {"scenes": 61}, "scenes", "invalid_request"),
        ("a", {"scenes": 9, "max_scenes": 8}, "scenes", "invalid_request"),
        ("a", {"max_scenes": 61}, "max_scenes", "invalid_request"),
        ("a", {"seconds": 1e9}, "seconds", "invalid_request"),
        ("a", {"seconds": float("nan")}, "seconds", "invalid_request"),
        ("a", {"scene_seconds": 0.0}, "scene_seconds", "invalid_request"),
        ("a", {"speed": 9.0}, "speed", "invalid_request"),
    ],
)
async def test_what_cannot_be_drafted_is_refused_by_its_field(
    text: str, options: dict[str, Any], param: str, code: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await drafted(text, **options)
    assert (refused.value.param, refused.value.error_code) == (param, code)


def of_size(piece: str) -> str:
    return (piece * MOST_BYTES)[: MOST_BYTES // len(piece[0].encode(errors="replace"))]


HOSTILE: dict[str, Callable[[], str]] = {
    "dots": lambda: "." * (MOST_BYTES - 1) + "a",
    "sentences": lambda: of_size("a. "),
    "one word": lambda: of_size("a"),
    "clauses": lambda: of_size("a, "),
    "brackets": lambda: of_size("["),
    "images": lambda: of_size("!["),
    "links": lambda: of_size("[a]("),
    "nested links": lambda: of_size("[a]((b)"),
    "tags": lambda: of_size("<a "),
    "tag name": lambda: "<" + "a" * (MOST_BYTES - 1),
    "quotes in tags": lambda: of_size("<a '"),
    "comments": lambda: of_size("<!--"),
    "declarations": lambda: of_size("<!"),
    "scripts": lambda: "</p>" + of_size("<script>")[:-4],
    "paragraphs": lambda: of_size("<p>a</p>"),
    "entities": lambda: "</p>" + of_size("&amp")[:-4],
    "backticks": lambda: "".join("`" * number + "x" for number in range(1, 630)),
    "emphasis": lambda: of_size("_a_"),
    "items": lambda: of_size("- a\n"),
    "headings": lambda: of_size("# a\n"),
    "underlines": lambda: of_size("a\n=\n"),
    "nested quotes": lambda: "> " * 50_000 + "a",
    "rows": lambda: of_size("--- "),
    "spaces": lambda: " " * (MOST_BYTES - 1) + "a",
    "addresses": lambda: of_size("http://"),
    "labels": lambda: of_size("Narrator("),
    "pronouns": lambda: of_size("It is. "),
    "marks": lambda: "a" + "\u0301" * (MOST_BYTES // 2 - 1),
    "signs": lambda: "猫" * (MOST_BYTES // 3),
    "controls": lambda: "\x00\u202e\ud800a " * 20_000,
}
EMPTY = {"nested quotes", "brackets", "images", "comments", "declarations", "scripts", "entities", "rows", "addresses"}
"""Those in which there is nothing to say."""
SLOWEST_S = 12.0
"""Of processor time; the slowest takes 1.3 s, and whatever is not linear takes minutes."""


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_hostile_text_takes_time_in_proportion_to_its_length(name: str) -> None:
    began = time.process_time()
    if name in EMPTY:
        with pytest.raises(InvalidRequest, match="no sentence"):
            await drafted(HOSTILE[name](), model=MODEL_ID)
    else:
        scenes = (await drafted(HOSTILE[name](), model=MODEL_ID)).wish.scenes
        assert 1 <= len(scenes) <= MOST_SCENES
        assert all(0 < len(scene.prompt) <= 4000 and 0 < len(scene.narration or "") <= 5000 for scene in scenes)
        assert all((scene.narration or "").isprintable() for scene in scenes)
    assert time.process_time() - began < SLOWEST_S


def tools(model: str, **more: Any) -> DraftTools:
    return open_drafting(Settings(_env_file=None, storyboard_draft_model=model, **more))


def storyteller(folder: Path, line: str) -> str:
    """A real model whose only word is that line."""
    words = Tokenizer(WordLevel({"[UNK]": 0, "[EOS]": 1, line: 2}, unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    made: Any = PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", eos_token="[EOS]", model_max_length=4096
    )
    torch.manual_seed(0)
    model: Any = GPT2LMHeadModel(
        GPT2Config(vocab_size=3, n_positions=4096, n_embd=16, n_layer=1, n_head=2, bos_token_id=1, eos_token_id=1)
    )
    with torch.no_grad():
        model.transformer.ln_f.weight.zero_()
        model.transformer.ln_f.bias.copy_(100 * model.transformer.wte.weight[2])
    model.save_pretrained(folder)
    made.save_pretrained(folder)
    return str(folder)


async def test_a_language_model_writes_the_scenes(tmp_path: Path) -> None:
    line = '{"title": "Dawn", "prompt": "a red ball rises", "narration": "Es wird Tag."}'
    folder = storyteller(tmp_path, line)
    writer = TransformersWriter(folder, tokens=1, timeout_s=60.0)
    found = await drafted("Es ist Tag, und die Sonne ist da.", DraftTools(writer=writer))
    writer.close()
    (scene,) = found.wish.scenes
    assert (found.by, scene.title, scene.prompt, scene.narration) == (
        "model",
        "Dawn",
        "a red ball rises",
        "Es wird Tag.",
    )
    assert (found.wish.narrator.language, found.notes) == ("de", ())


async def test_what_a_model_writes_beside_json_leaves_it_to_the_rules_which_is_said(tmp_path: Path) -> None:
    found = await drafted(ARTICLE, tools(saved(tmp_path, positions=2048), storyboard_draft_tokens=16))
    assert found.by == "rules"
    assert found.wish == (await drafted(ARTICLE)).wish
    assert found.notes[-1].startswith("Drafted by rules; the language model was not used: ")
    assert "JSON" in found.notes[-1] or "nothing" in found.notes[-1]


@pytest.mark.parametrize(
    ("more", "text", "why"),
    [({}, ARTICLE, "longer than it reads"), ({"storyboard_draft_timeout_s": 1e-6}, "A ball.", "it ")],
)
async def test_a_model_that_cannot_leaves_it_to_the_rules(
    more: dict[str, Any], text: str, why: str, tmp_path: Path
) -> None:
    found = await drafted(text, tools(saved(tmp_path, positions=64), **more))
    assert (found.by, why in found.notes[-1]) == ("rules", True)


async def test_a_model_that_is_not_there_is_said_and_the_rules_may_be_asked_for(tmp_path: Path) -> None:
    missing = tools(str(tmp_path))
    assert "cannot be loaded" in (await drafted("A ball.", missing)).notes[-1]
    assert (await drafted("A ball.", missing, use_model=False)).notes == ()


async def test_drafting_leaves_the_loop_free() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.ensure_future(tick())
    await drafted(LONG)
    ticking.cancel()
    assert ticks > 10
