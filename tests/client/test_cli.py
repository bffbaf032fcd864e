from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from inspect import signature
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from app.client import show
from app.client.cli import app
from tests.client.service import CANCELLED, CONTENT, OPTIMIZATION, Service, video

Kinoray = Callable[..., Result]


def test_generate_writes_the_file_and_says_what_it_took(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    words = ["--tier", "premium", "--seed", "7", "--steps", "30", "--negative", "blur", "--no-cache"]
    done = kinoray("generate", "a red [bold] ball", "-o", str(out), *words)
    assert done.exit_code == 0, done.output
    assert out.read_bytes() == b"video" + CONTENT
    assert service.bodies == [
        {
            "prompt": "a red [bold] ball",
            "quality_tier": "premium",
            "seed": 7,
            "num_inference_steps": 30,
            "negative_prompt": "blur",
            "cache": {"mode": "off"},
        }
    ]
    assert done.stdout.startswith(f"{out}: 2.125 s of video in ")
    assert done.stdout.endswith("no cache hit, 18 evaluations instead of 50 (32 saved)\n")


def test_generate_asks_for_urgency_budget_and_bits(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    words = ["--priority", "high", "--deadline", "30", "--budget", "12", "--sampler", "unipc", "--deterministic"]
    assert kinoray("generate", "a red ball", "-o", str(tmp_path / "out.mp4"), *words).exit_code == 0
    asked = {"priority": "high", "deadline_s": 30.0, "budget": 12, "sampler": "unipc", "deterministic": True}
    assert service.bodies == [{"prompt": "a red ball", **asked}]


def test_generate_comes_after_others_and_is_asked_once(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    words = ["--after", "v1", "--after", "v2", "--idempotency-key", "mine"]
    assert kinoray("generate", "a red ball", "-o", str(tmp_path / "out.mp4"), *words).exit_code == 0
    assert service.bodies == [{"prompt": "a red ball", "after": ["v1", "v2"]}]
    assert service.headers[0]["idempotency-key"] == "mine"


def test_generate_sends_pictures_and_videos_with_their_roles(
    service: Service, kinoray: Kinoray, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    (tmp_path / "b.mp4").write_bytes(b"mp4")
    picture, video, url = str(tmp_path / "a.png"), str(tmp_path / "b.mp4"), "https://a.example/c.png"
    words = ["--first", picture, "--last", url, "--reference", f"{picture}@8", "--reference", url, "--control", video]
    result = kinoray("generate", "a red ball", *words, "-o", str(tmp_path / "out.mp4"))
    assert result.exit_code == 0, result.output
    sent = "data:image/any;base64,iVBORw=="
    assert service.bodies[-1]["input_references"] == [
        {"image": sent, "role": "first"},
        {"image": url, "role": "last"},
        {"video": "data:video/any;base64,bXA0", "role": "control"},
        {"image": sent, "role": "reference", "frame": 8},
        {"image": url, "role": "reference"},
    ]
    both = kinoray("generate", "a red ball", "--image", picture, "--first", picture, "-o", str(tmp_path / "b"))
    assert both.exit_code == 2
    kinoray("generate", "a red ball", "--image", picture, "--last", url, "-o", str(tmp_path / "c.mp4"))
    assert [each["role"] for each in service.bodies[-1]["input_references"]] == ["first", "last"]


def test_generate_sends_a_picture_to_begin_with(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(b"\x89PNG")
    words = ["--image", str(tmp_path / "cat.png"), "-o", str(tmp_path / "out.mp4")]
    assert kinoray("generate", "a red ball", *words).exit_code == 0
    assert service.bodies == [{"prompt": "a red ball", "input_reference": "data:image/any;base64,iVBORw=="}]


@pytest.mark.parametrize(
    "words",
    [["--priority", "urgent"], ["--sampler", "dpm"], ["--deadline", "nan"], ["--seconds", "inf"], ["--budget", "x"]],
)
def test_what_cannot_be_meant_is_refused_before_it_is_sent(
    words: list[str], service: Service, kinoray: Kinoray
) -> None:
    refused = kinoray("generate", "a red ball", *words)
    assert (refused.exit_code, words[0] in refused.stderr, service.heard) == (2, True, [])


def test_rate_sends_a_score_and_reasons(service: Service, kinoray: Kinoray) -> None:
    service.videos["v"] = video("v")
    done = kinoray("rate", "v", "2", "--reason", "too_rough", "--reason", "off_prompt")
    assert (done.exit_code, done.stdout) == (0, "Rated v: 2 of 5.\n")
    assert service.bodies == [{"score": 2, "reasons": ["too_rough", "off_prompt"]}]
    assert kinoray("rate", "v", "6").exit_code == 2


KINDS: dict[str, tuple[list[str], dict[str, object]]] = {
    "masks": (["--steps", "15", "--steps", "25", "--sampler", "unipc"], {"steps": [15, 25]}),
    "budgets": (["--count", "3", "--shares", "0.5"], {"count": 3, "shares": [0.5]}),
    "similar": (["--steps", "20", "--edges", "0.7"], {"steps": 20, "edges": [0.7]}),
    "magnitudes": (["--steps", "6"], {"steps": 6}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_calibrate_hands_on_what_is_asked(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = import_module(f"app.calibration.{kind}")
    takes = signature(module.measure)
    handed: list[dict[str, object]] = []

    def measure(*args: object) -> str:
        handed.append(takes.bind(*args).arguments)
        return "measured"

    monkeypatch.setattr(module, "measure", measure)
    words, asked = KINDS[kind]
    assert CliRunner().invoke(app, ["calibrate", kind, "--dtype", "bfloat16", *words]).exit_code == 0
    ((found),) = handed
    assert {name: found[name] for name in asked} == asked
    assert found["subject"].built_in  # type: ignore[attr-defined]
    if kind == "masks":
        assert found["effort"].sampler == "unipc"  # type: ignore[attr-defined]


def test_there_is_one_tree_of_help() -> None:
    whole = CliRunner().invoke(app, ["--help"]).stdout
    for verb in ("serve", "generate", "analyze", "styles", "warm", "list", "cache", "models", "settings", "calibrate"):
        assert f" {verb} " in whole
        assert CliRunner().invoke(app, [verb, "--help"]).exit_code == 0
    kinds = CliRunner().invoke(app, ["calibrate", "--help"]).stdout
    assert all(f" {kind} " in kinds for kind in KINDS)


def test_generate_says_before_and_after_what_is_not_as_asked(
    service: Service, kinoray: Kinoray, tmp_path: Path
) -> None:
    service.warnings = [{"code": "unknown_subject", "message": "it does not know \x1b[31m'cat'.", "param": "prompt"}]
    done = kinoray("generate", "a cat", "-o", str(tmp_path / "out.mp4"))
    line = "Note: it does not know  [31m'cat'."
    assert (done.stderr.splitlines()[0], done.stdout.splitlines()[-1]) == (line, line)
    assert "does not know" in kinoray("status", "video_1").stdout


def test_analyze_lists_the_words_that_a_model_knows_and_those_that_it_does_not() -> None:
    known = [{"text": "orb", "meaning": "shape circle"}]
    told = {"understood": {"known": known, "unknown": ["cat"]}, "warnings": [{"code": "x", "message": "No cat."}]}
    console = Console(file=io.StringIO(), width=100)
    console.print(show.verdict(told))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(said in shown for said in ("words known", "orb (shape circle)", "words unknown", "cat", "No cat."))


def test_without_a_terminal_progress_is_plain_lines(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    done = kinoray("generate", "a red ball", "-o", str(tmp_path / "out.mp4"))
    assert done.stderr.splitlines() == [
        "video_1",
        "queued, 1 ahead",
        "queued, 1 ahead, about 4 s to go",
        "denoising, step 0 of 3",
        "denoising, step 1 of 3, about 2 s to go",
        "denoising, step 2 of 3, about 1 s to go",
        "denoising, step 3 of 3, less than a second to go",
    ]


def test_a_failed_video_ends_with_its_code(service: Service, kinoray: Kinoray, tmp_path: Path) -> None:
    service.ending = {"status": "failed", "error": {"code": "out_of_memory", "message": "Does not fit."}}
    done = kinoray("generate", "a red ball", "-o", str(tmp_path / "out.mp4"))
    assert (done.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert done.stderr.endswith("out_of_memory: video_1 failed: Does not fit.\n")


def test_a_refused_prompt_ends_with_its_code(service: Service, kinoray: Kinoray) -> None:
    error = {"code": "overloaded", "message": "Too much is waiting."}
    service.refusals.append((429, {"error": error}, {"Retry-After": "40"}))
    done = kinoray("generate", "a red ball")
    assert (done.exit_code, done.stderr) == (1, "overloaded: Too much is waiting. (try again in 40 s)\n")


def test_a_folder_that_is_not_there_is_noticed_before_any_work(service: Service, kinoray: Kinoray) -> None:
    assert kinoray("generate", "a red ball", "-o", "/nowhere/out.mp4").exit_code == 2
    assert service.heard == []


def test_ctrl_c_cancels_on_the_server(service: Service, tmp_path: Path) -> None:
    service.stall_after = 3
    # A test run in the background ignores Ctrl-C and hands that on to its children; a terminal does not.
    terminal = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import app.client.cli as cli"
    asked = ["generate", "a red ball", "-o", str(tmp_path / "out.mp4")]
    command = [sys.executable, "-c", f"{terminal}; cli.main()", *asked]
    environment = {**os.environ, "KINORAY_URL": service.url}
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("denoising, step 1"):
                running.send_signal(signal.SIGINT)
                break
        assert running.stderr.read() == "Cancelled video_1.\n"
    assert running.returncode == 130
    assert service.videos["video_1"]["error"] == CANCELLED["error"]
    assert list(tmp_path.iterdir()) == []


def test_nobody_there_is_one_clear_line(free_url: str) -> None:
    done = CliRunner().invoke(app, ["status"], env={"KINORAY_URL": free_url})
    assert (done.exit_code, done.stderr) == (1, f"No Kinoray at {free_url}; start one with `kinoray serve`\n")


def test_the_key_comes_from_the_environment(service: Service) -> None:
    CliRunner().invoke(app, ["list"], env={"KINORAY_URL": service.url, "KINORAY_API_KEY": "secret"})
    assert service.headers[0]["authorization"] == "Bearer secret"


def test_analyze_is_readable(service: Service, kinoray: Kinoray) -> None:
    shown = kinoray("analyze", "a red ball", "--tier", "auto").stdout
    for said in ("motion", "bounces", "complexity_score", "standard", "25", "3.1", "One subject, one motion."):
        assert said in shown
    assert json.loads(kinoray("analyze", "a red ball", "--json").stdout) == {"prompt": "a red ball", **OPTIMIZATION}


def test_list_shows_state_and_prompt_and_no_control_codes(service: Service, kinoray: Kinoray) -> None:
    service.videos = {"v1": video("v1"), "v2": video("v2", prompt="an \x1b[31mevil [red]ball", **CANCELLED)}
    shown = kinoray("list").stdout
    assert "failed (cancelled)" in shown
    assert "an  [31mevil [red]ball" in shown
    assert [each["id"] for each in json.loads(kinoray("list", "--json").stdout)] == ["v2", "v1"]
    assert "There are more" in kinoray("list", "--limit", "1").stdout


def test_status_shows_a_video_or_the_service(service: Service, kinoray: Kinoray) -> None:
    service.videos["v"] = video("v", status="in_progress", phase="denoising", step=2)
    assert "denoising 2/3" in kinoray("status", "v").stdout
    shown = kinoray("status")
    assert (shown.exit_code, "redis" in shown.stdout, "7 hits" in shown.stdout) == (0, True, True)
    told = json.loads(kinoray("status", "--json").stdout)
    assert told["health"]["components"]["redis"]["ok"]
    assert told["stats"]["cache_stats"]["hits"] == 7
    service.well = False
    assert kinoray("status").exit_code == 1


def test_cancel_and_delete_say_what_they_did(service: Service, kinoray: Kinoray) -> None:
    service.videos = {"v": video("v"), "done": video("done", status="completed")}
    assert kinoray("cancel", "v").stdout == "Cancelled v.\n"
    assert kinoray("cancel", "done").stdout == "done had already ended: completed.\n"
    assert kinoray("delete", "v").stdout == "Deleted v.\n"
    gone = kinoray("delete", "v")
    assert (gone.exit_code, gone.stderr) == (1, "video_not_found: No video v\n")


def test_serve_hands_over_to_the_local_cluster(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    started: list[Path | None] = []
    there = ModuleType("cluster.local")
    there.serve = lambda config, as_json: started.append(config) or 3  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, "cluster.local", there)
    for name in ("KINORAY_PORT", "KINORAY_STATE_DIR", "KINORAY_HOST", "KINORAY_REDIS_URL"):
        monkeypatch.setenv(name, "before")  # so that monkeypatch puts it back
    config = tmp_path / "serve_config.yaml"
    config.touch()
    words = ["serve", "--port", "9000", "--state-dir", str(tmp_path), "--config", str(config)]
    assert CliRunner().invoke(app, words).exit_code == 3
    assert started == [config]
    found = [os.environ[f"KINORAY_{name}"] for name in ("PORT", "STATE_DIR", "HOST")]
    assert found == ["9000", str(tmp_path), "before"]


def test_the_local_cluster_is_the_same_command() -> None:
    environment = {**os.environ, "COLUMNS": "120", "TERM": "dumb"}
    command = [sys.executable, "-m", "cluster.local", "--help"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    assert "kinoray serve" in told
    assert "--state-dir" in told


def test_the_command_starts_without_heavy_imports() -> None:
    probe = "import sys, app.client.cli; sys.stdout.write(' '.join({name.split('.')[0] for name in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True).stdout.split()
    assert "httpx" in loaded
    assert not {"torch", "ray", "fastapi", "pydantic", "numpy", "diffusers", "transformers"} & set(loaded)


def test_version_is_the_installed_one() -> None:
    assert CliRunner().invoke(app, ["version"]).stdout.strip()
