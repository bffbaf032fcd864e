"""What a person finds in the command: every verb, its filters and layouts, JSON, completion, options in any place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.client.cli import VERBS, app
from tests.client.conftest import Typed
from tests.client.service import CANCELLED, CONTENT, DONE, Service, video

Kinoray = Callable[..., Result]
IDS = [f"video_{number:032x}" for number in range(250)]


def test_download_writes_a_file_named_after_the_video(
    service: Service, typed: Callable[..., Typed], tmp_path: Path
) -> None:
    service.videos["v"] = video("v", **DONE)
    assert typed("download", "v", cwd=tmp_path).stdout == b"v.mp4\n"
    told = json.loads(typed("download", "v", "--variant", "thumbnail", "--json", cwd=tmp_path).stdout)
    assert told == {"id": "v", "variant": "thumbnail", "file": "v-thumbnail.webp"}
    assert (tmp_path / "v.mp4").read_bytes() == b"video" + CONTENT
    assert (tmp_path / "v-thumbnail.webp").read_bytes() == b"thumbnail" + CONTENT


def test_download_of_a_strange_id_stays_in_this_folder(service: Service, kinoray: Kinoray) -> None:
    gone = kinoray("download", "../../v")
    assert (gone.exit_code, gone.stderr.startswith("video_not_found")) == (1, True)


def test_remix_makes_another_one_like_it(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    service.videos["v"] = video("v", **DONE)
    out = tmp_path / "out.mp4"
    done = kinoray("remix", "v", "a blue ball", "-o", str(out), "--idempotency-key", "mine")
    assert (done.exit_code, out.read_bytes()) == (0, b"video" + CONTENT), done.output
    assert (service.heard[0], service.bodies) == (("POST", "/v1/videos/v/remix"), [{"prompt": "a blue ball"}])
    assert service.headers[0]["idempotency-key"] == "mine"


def test_generate_asks_for_shape_help_and_adapters(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    words = ["--fps", "12", "--seconds", "2.5", "--size", "96x64", "--enhance", "--allow-degrade"]
    words += ["--interpolate", "flow", "--upscale", "2"]
    words += ["--image", "https://example.org/cat.png", "--lora", "film:0.8", "--lora", "ink", "--lora", "dust:-1"]
    assert kinoray("generate", "a red ball", "-o", str(tmp_path / "out.mp4"), *words).exit_code == 0
    loras = [{"name": "film", "strength": 0.8}, {"name": "ink", "strength": 1.0}, {"name": "dust", "strength": -1.0}]
    shape = {"fps": 12, "seconds": 2.5, "size": "96x64", "enhance": True, "allow_degrade": True}
    shape |= {"interpolate": "flow", "upscale": 2}
    picture = {"input_reference": "https://example.org/cat.png"}
    assert service.bodies == [{"prompt": "a red ball", **shape, **picture, "loras": loras}]


@pytest.mark.parametrize(
    "words",
    [["--lora", "film:much"], ["--lora", ":1"], ["--lora", "film:nan"], ["--lora", "film:"], ["--image", "no.png"]],
)
def test_an_adapter_or_a_picture_that_cannot_be_is_refused_before_it_is_sent(
    words: list[str], service: Service, kinoray: Kinoray
) -> None:
    refused = kinoray("generate", "a red ball", *words)
    assert (refused.exit_code, words[0] in refused.stderr, service.heard) == (2, True, [])


@pytest.fixture
def many(service: Service) -> Service:
    """250 videos; every tenth has failed, every hundredth is of another model."""
    for number, name in enumerate(IDS):
        said = CANCELLED if number % 10 == 0 else DONE
        model = "other" if number % 100 == 0 else "kinoray-shapes"
        service.videos[name] = video(name, **{**said, "model": model, "prompt": f"ball {number}"})
    return service


def listed(shown: Result) -> list[str]:
    return [each["id"] for each in json.loads(shown.stdout)]


def test_list_goes_on_behind_a_video_in_either_order(many: Service, kinoray: Kinoray) -> None:
    assert listed(kinoray("list", "--json", "--limit", "3")) == IDS[:-4:-1]
    assert listed(kinoray("list", "--json", "--limit", "3", "--after", IDS[-3])) == IDS[-4:-7:-1]
    assert listed(kinoray("list", "--json", "--oldest-first", "--limit", "2")) == IDS[:2]
    assert listed(kinoray("list", "--json", "--limit", "230")) == IDS[:19:-1]
    assert f"--after {IDS[-3]}" in kinoray("list", "--limit", "3").stdout
    assert "more" not in kinoray("list", "--limit", "250").stdout


def test_list_finds_by_state_model_and_words_through_all_pages(many: Service, kinoray: Kinoray) -> None:
    assert listed(kinoray("list", "--json", "--status", "failed", "--limit", "30")) == IDS[240::-10]
    assert listed(kinoray("list", "--json", "--model", "other")) == [IDS[200], IDS[100], IDS[0]]
    assert listed(kinoray("list", "--json", "--search", "BALL 24", "--limit", "20")) == [*IDS[249:239:-1], IDS[24]]
    first = kinoray("list", "--status", "failed", "--limit", "2")
    assert f"--after {IDS[230]}" in first.stdout
    assert listed(kinoray("list", "--json", "--status", "failed", "--limit", "2", "--after", IDS[230])) == [
        IDS[220],
        IDS[210],
    ]
    assert listed(kinoray("list", "--json", "--search", "cube")) == []


def test_videos_are_marked_and_listed_by_their_marks(many: Service, kinoray: Kinoray) -> None:
    assert kinoray("mark", IDS[3], "--favourite", "--tag", "a b", "--tag", "c").stdout == (
        f"{IDS[3]}: a favourite, a b, c.\n"
    )
    kinoray("mark", IDS[5], "--tag", "c")
    assert listed(kinoray("list", "--json", "--tag", "c")) == [IDS[5], IDS[3]]
    assert listed(kinoray("list", "--json", "--tag", "c", "--favourite")) == [IDS[3]]
    assert kinoray("mark", IDS[3], "--no-favourite", "--no-tags").stdout == f"{IDS[3]}: no marks.\n"
    assert listed(kinoray("list", "--json", "--tag", "c", "--tag", "a b")) == []


@pytest.mark.parametrize("columns", [60, 80, 160])
def test_list_fits_the_terminal_and_shows_whole_ids(columns: int, many: Service, kinoray: Kinoray) -> None:
    many.videos[IDS[-1]] |= {"prompt": "ein sehr langer Satz über 猫が海辺を歩く " * 5}
    environment = {"COLUMNS": str(columns)}
    words = ["--url", many.url, "list", "--limit", "5"]
    lines = CliRunner().invoke(app, words, env=environment).stdout.splitlines()[:-1]
    assert max(len(line) for line in lines) <= columns
    assert all(any(name in line for line in lines) for name in IDS[-5:])
    assert sum("completed" in line for line in lines) == 5


def test_status_is_about_ten_readable_lines(service: Service, kinoray: Kinoray) -> None:
    for words in (["status"], ["status", "v"]):
        service.videos["v"] = video("v", **DONE)
        lines = kinoray(*words).stdout.strip().splitlines()
        assert 3 <= len(lines) <= 11
        assert not any("{" in line or "_share" in line for line in lines)


def test_status_says_what_is_not_well(service: Service, kinoray: Kinoray) -> None:
    service.well = False
    shown = kinoray("status")
    assert (shown.exit_code, "NOT WELL" in shown.stdout, "redis" in shown.stdout) == (1, True, True)
    told = kinoray("status", "--json")
    assert (told.exit_code, json.loads(told.stdout)["health"]["status"]) == (1, "degraded")


ONE = {
    "bench": ["--config", "run.yaml"],
    "profile": ["a red ball", "--n", "1"],
    "report": ["v"],
    "generate": ["a red ball"],
    "remix": ["v", "a blue ball"],
    "download": ["v"],
    "analyze": ["a red ball"],
    "warm": ["prompts.txt"],
    "rate": ["v", "4"],
    "mark": ["v", "--favourite"],
    "cancel": ["v"],
    "delete": ["v"],
    "reprioritise": ["v", "high"],
    "cache stats": [],
    "cache clear": ["--yes"],
}
"""What each verb takes; `logs` reads files, and `usage` is tried on a real service beside its tests."""


@pytest.mark.parametrize("verb", [*sorted(set(VERBS) - {"serve", "logs", "usage"}), "cache stats", "cache clear"])
def test_every_verb_says_json(
    verb: str, service: Service, kinoray: Kinoray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "prompts.txt").write_text("a red ball\n")
    (tmp_path / "run.yaml").write_text("{prompt: a red ball, n: 1}")
    service.videos["v"] = video("v", **DONE)
    done = kinoray(*verb.split(), *ONE.get(verb, []), "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) is not None


def test_reprioritise_says_what_a_video_has_now(service: Service, kinoray: Kinoray) -> None:
    service.videos["v"] = video("v")
    assert kinoray("reprioritise", "v", "high").stdout == "v has priority high.\n"
    assert (service.heard[-1], service.bodies[-1]) == (("PATCH", "/v1/videos/v"), {"priority": "high"})
    assert kinoray("reprioritise", "v", "highest").exit_code == 2


def test_generate_says_as_json_what_was_made_and_where(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    done = kinoray("generate", "a red ball", "-o", str(tmp_path / "out.mp4"), "--json")
    told = json.loads(done.stdout)
    assert (told["id"], told["status"], told["file"]) == ("video_1", "completed", str(tmp_path / "out.mp4"))
    assert told["a_newer_field"] == {"nested": 1}


@pytest.mark.parametrize("before", [True, False])
def test_global_options_stand_before_or_after_the_verb(before: bool, service: Service, free_url: str) -> None:
    said = ["--url", service.url, "--api-key", "secret"]
    words = [*said, "list"] if before else ["list", "--limit", "1", *said]
    done = CliRunner().invoke(app, words, env={"KINORAY_URL": free_url})
    assert (done.exit_code, service.headers[0]["authorization"]) == (0, "Bearer secret"), done.output


def test_what_is_said_after_the_verb_comes_first(service: Service, free_url: str) -> None:
    assert CliRunner().invoke(app, ["--url", free_url, "cache", "stats", "--url", service.url]).exit_code == 0


@pytest.mark.parametrize("verb", [*VERBS, "cache stats"])
def test_every_verb_knows_the_version(verb: str) -> None:
    assert CliRunner().invoke(app, [*verb.split(), "--version"]).stdout.startswith("kinoray ")


@pytest.mark.parametrize(
    ("typed_so_far", "offered"), [("kinoray gen", b"generate"), ("kinoray generate x --tier ul", b"ultra")]
)
def test_the_shell_completes_verbs_and_words(typed_so_far: str, offered: bytes, typed: Callable[..., Typed]) -> None:
    asked = {"_KINORAY_COMPLETE": "complete_bash", "COMP_WORDS": typed_so_far}
    last = str(len(typed_so_far.split()) - 1)
    assert typed(**asked, COMP_CWORD=last).stdout.split() == [offered]


def test_a_scene_of_a_storyboard_says_whose_it_is(service: Service, kinoray: Kinoray) -> None:
    service.videos["v"] = video("v", storyboard={"id": "story_1", "scene": 2})
    service.videos["w"] = video("w", storyboard=None)
    assert "scene 2 of story_1" in kinoray("status", "v").stdout
    assert "made for" not in kinoray("status", "w").stdout
