"""`kinoray story` against the whole application over real HTTP, its ports those that ship in memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from app.client.cli import app
from app.storyboards.drafting.opening import open_drafting
from tests.api.films import FILM
from tests.api.house import VIDEO
from tests.client.street import Street, opened

pytestmark = pytest.mark.anyio


@pytest.fixture
async def street(tmp_path: Path) -> AsyncIterator[Street]:
    async with opened(tmp_path) as found:
        yield found


async def done(street: Street) -> str:
    """A film that is made; its id."""
    typing = street.typing(street.film(), "-o", street.out())
    await street.make()
    ended = await typing
    assert ended.exit_code == 0, ended.output
    return (await street.begun()).id


async def test_a_film_is_made_and_written_with_its_captions_beside_it(street: Street) -> None:
    typing = street.typing(street.film(), "-o", street.out(), "--srt", "--vtt")
    await street.make()
    ended = await typing
    assert ended.exit_code == 0, ended.output
    assert (street.folder / "film.mp4").read_bytes() == FILM
    assert (street.folder / "film.srt").read_bytes() == b"srt of a film"
    assert (street.folder / "film.vtt").read_bytes() == b"vtt of a film"
    story = await street.begun()
    assert f"{street.out()}: 2 scenes, " in ended.stdout
    assert ended.stderr.splitlines()[0] == story.id
    assert "scene 1 (First): made" in ended.stderr
    assert [scene.wish.narration for scene in story.scenes] == ["Once there was a ball.", None]


async def test_programs_get_json(street: Street) -> None:
    typing = street.typing(street.film(), "-o", street.out(), "--json")
    await street.make()
    told = json.loads((await typing).stdout)
    assert (told["status"], told["file"], len(told["scenes"])) == ("completed", street.out(), 2)


async def test_a_scene_is_written_as_soon_as_it_is_made_and_the_rest_goes_on(street: Street) -> None:
    typing = street.typing(street.film(), "-o", street.out(), "--scene", "1")
    await street.make(2)
    ended = await typing
    assert (ended.exit_code, (street.folder / "film.mp4").read_bytes()) == (0, VIDEO), ended.output
    assert (await street.begun()).status.value == "in_progress"


async def test_a_film_that_fails_names_its_scene_which_can_be_made_again(street: Street) -> None:
    typing = street.typing(street.film(), "-o", street.out())
    await street.break_scene(2)
    await street.make(2)
    ended = await typing
    assert ended.exit_code == 1
    story = await street.begun()
    assert f"{story.id} failed: Scene 2 failed: It went wrong.; `kinoray story retry {story.id} 2`" in ended.stderr
    assert not (street.folder / "film.mp4").exists()
    again = await street.typed("retry", story.id, "2")
    assert "scene 2: waiting" in again.stdout, again.output
    await street.go_on(story.id)
    await street.make()
    assert (await street.begun()).status.value == "completed"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "scenes:\n  - prompt: a\n    naration: b\n",
            "film.yaml, line 3: 'naration' is not known; is 'narration' meant?",
        ),
        ("titel: a\nscenes: [a]", "film.yaml, line 1: 'titel' is not known"),
        ("scenes: [{prompt: a, image: ../a.png}]", "line 1: ../a.png lies outside"),
        ("title: a", "there are no scenes"),
    ],
)
async def test_a_file_that_is_no_film_is_refused_here(text: str, said: str, street: Street) -> None:
    ended = await street.typed(street.film(text))
    assert (ended.exit_code, said in ended.stderr) == (2, True), ended.output
    assert not (await street.house.storyboards.list("public", None, 1, True)).stories


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("scenes:\n  - prompt: a\n  - prompt: b\n    narration: ☃ ☃\n", 4),
        ("scenes:\n  - prompt: a\n    seconds: 99999999\n", 3),
        ("scenes: [a]\nspeed: 9\n", 2),
        ("scenes:\n  - prompt: a\n    tier: bronze\n", 3),
    ],
)
@pytest.mark.parametrize("more", [(), ("--analyze",)])
async def test_a_refusal_of_the_server_names_the_line(
    text: str, line: int, more: tuple[str, ...], street: Street
) -> None:
    ended = await street.typed(street.film(text), *more)
    assert (ended.exit_code, f"film.yaml, line {line}: " in ended.stderr) == (1, True), ended.output


async def test_where_it_cannot_be_written_nothing_is_asked(street: Street) -> None:
    (street.folder / "there.mp4").write_bytes(b"mine")
    for words in (
        ("-o", street.out("there.mp4"), "--no-clobber"),
        ("-o", str(street.folder)),
        ("-o", str(street.folder / "no" / "film.mp4")),
        ("--srt",),
        ("-o", "-", "--srt"),
        ("-o", street.out("film.srt"), "--srt"),
        ("-o", street.out(), "--vtt", "--scene", "1"),
    ):
        ended = await street.typed(street.film(), *words)
        assert ended.exit_code == 2, (words, ended.output)
    assert (street.folder / "there.mp4").read_bytes() == b"mine"
    assert not (await street.house.storyboards.list("public", None, 1, True)).stories


async def test_a_plan_is_shown_by_scene_and_nothing_is_made(street: Street) -> None:
    ended = await street.typed(street.film(), "--analyze")
    assert ended.exit_code == 0, ended.output
    assert "First" in ended.stdout
    assert "2 scenes, " in ended.stdout
    assert "device-seconds" in ended.stdout
    told = json.loads((await street.typed(street.film(), "--analyze", "--json")).stdout)
    assert [scene["number"] for scene in told["scenes"]] == [1, 2]
    assert not (await street.house.storyboards.list("public", None, 1, True)).stories


async def test_a_draft_is_a_film_that_can_be_made(street: Street) -> None:
    street.house.app.state.drafting = open_drafting(street.house.settings)
    article = street.film(
        "# The ball\n\nA red ball bounces. It rolls away.\n\n## Night\n\nThe end: goodbye.", "article.md"
    )
    ended = await street.typed("draft", article, "--scenes", "2")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.startswith("# Drafted by rules; make it: kinoray story FILE\n")
    drafted = yaml.safe_load(ended.stdout)
    assert drafted["title"] == "The ball"
    assert [scene["narration"] for scene in drafted["scenes"]] == [
        "A red ball bounces. It rolls away.",
        "The end: goodbye.",
    ]
    assert drafted["scenes"][0]["prompt"] == "A red ball bounces. A red ball rolls away."
    planned = await street.typed("-", "--analyze", "--json", stdin=ended.stdout)
    assert len(json.loads(planned.stdout)["scenes"]) == 2, planned.output


async def test_a_draft_reads_standard_input_and_says_what_is_wrong(street: Street) -> None:
    street.house.app.state.drafting = open_drafting(street.house.settings)
    told = json.loads((await street.typed("draft", "-", "--no-narration", "--json", stdin="A ball rolls.")).stdout)
    assert (told["by"], told["storyboard"]["scenes"][0]["caption"]) == ("rules", "A ball rolls.")
    empty = await street.typed("draft", "-", stdin="...")
    assert (empty.exit_code, "nothing_to_tell" in empty.stderr) == (1, True), empty.output
    large = await street.typed("draft", street.film("a" * 200_001, "large.txt"))
    assert (large.exit_code, "larger than 200,000 bytes" in large.stderr) == (2, True)
    missing = await street.typed("draft", street.out("missing.txt"))
    assert (missing.exit_code, "No such file" in missing.stderr) == (2, True)


async def test_films_are_listed_shown_changed_written_and_deleted(street: Street) -> None:
    story_id = await done(street)
    listed = await street.typed("list")
    assert (story_id in listed.stdout, "2/2" in listed.stdout) == (True, True), listed.output
    assert json.loads((await street.typed("list", "--json")).stdout)[0]["id"] == story_id
    shown = await street.typed("status", story_id)
    assert (shown.exit_code, "2 of 2 scenes made" in shown.stdout, "First" in shown.stdout) == (0, True, True)
    clip = await street.typed("download", story_id, "--scene", "2", "-o", street.out("two.mp4"))
    assert (street.folder / "two.mp4").read_bytes() == VIDEO, clip.output
    await street.typed("download", story_id, "--variant", "audio", "-o", street.out("all.m4a"))
    assert (street.folder / "all.m4a").read_bytes() == b"audio of a film"
    edited = await street.typed("edit", story_id, "1", "--narration", "", "--tier", "preview", "--revision", "1")
    assert (edited.exit_code, "revision 2" in edited.stdout) == (0, True), edited.output
    stale = await street.typed("edit", story_id, "1", "--title", "Third", "--revision", "1")
    assert (stale.exit_code, "revision_conflict" in stale.stderr) == (1, True), stale.output
    assert (await street.house.storyboards.get(story_id)).scenes[0].wish.narration is None
    cancelled = await street.typed("cancel", story_id)
    assert cancelled.stdout == f"Cancelled {story_id}.\n"
    assert (await street.typed("delete", story_id)).stdout == f"Deleted {story_id}.\n"
    gone = await street.typed("status", story_id)
    assert (gone.exit_code, "storyboard_not_found" in gone.stderr) == (1, True)


async def test_the_service_may_be_named_before_the_verb_and_behind_it(street: Street) -> None:
    for words in (
        ["--url", street.url, "list", "--json"],
        [f"--url={street.url}", "list", "--json"],
        ["list", "--json", "--url", street.url],
    ):
        found = await asyncio.get_running_loop().run_in_executor(None, CliRunner().invoke, app, ["story", *words])
        assert (found.exit_code, found.stdout) == (0, "[]\n"), found.output


async def test_an_edit_that_says_nothing_is_refused_here(street: Street) -> None:
    assert (await street.typed("edit", "story_" + "0" * 32, "1")).exit_code == 2


async def test_who_comes_back_follows_it_to_its_end(street: Street) -> None:
    typing = street.typing(street.film(), "-o", street.out(), "--scene", "1")
    await street.make(2)
    await typing
    story = await street.begun()
    following = street.typing("status", story.id, "--follow")
    await street.make()
    ended = await following
    assert (ended.exit_code, "2 of 2 scenes made, 100%" in ended.stdout) == (0, True), ended.output


@pytest.mark.parametrize("verb", ["make", "draft", "list", "status", "cancel", "delete", "retry", "edit", "download"])
def test_every_verb_has_help(verb: str) -> None:
    found = CliRunner().invoke(app, ["story", verb, "--help"])
    assert (found.exit_code, "Usage" in found.output) == (0, True)


async def test_voices_are_listed_and_one_is_written_down(street: Street, tmp_path: Path) -> None:
    listed = await street.typing("--json", verb="voices")
    assert json.loads(listed.stdout)["voices"][0]["id"] == "anna"
    sound = tmp_path / "voice.flac"
    said = await street.typing("--say", "Good day.", "-o", str(sound), verb="voices")
    assert (said.exit_code, sound.read_bytes()) == (0, b"Good day."), said.output
