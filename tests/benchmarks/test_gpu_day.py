"""The GPU day on a CPU, with tiny configurations: whether it runs, not what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from app.settings.placement import PRESETS
from benchmarks.gpu import measure
from benchmarks.gpu.day import FIRST, LAST, TRIES, Results, ordered
from benchmarks.gpu.subjects import Subject, subjects
from tests.engine.plans import walk


def day(out: Path, *words: str) -> dict[str, dict[str, object]]:
    """What the command leaves in its file."""
    command = [sys.executable, "-m", "benchmarks", "gpu", "--device", "cpu", "--tiny", "--out", str(out), *words]
    ran = subprocess.run(command, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, dict[str, object]] = json.loads(out.read_text())
    return found


def test_the_command_measures_every_row_of_a_model_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    out, model = tmp_path / "gpu.json", "cogvideox-2b"
    rows = day(out, "--minutes", "4", "--models", model)["rows"]
    assert set(rows) == {f"{model}/{row}" for row in (*FIRST, *LAST)}
    assert not [row for row in rows.values() if "failed" in row]  # type: ignore[operator]
    out.write_text(
        json.dumps({**json.loads(out.read_text()), "rows": {**rows, f"{model}/decode": {"failed": "x", "tries": 1}}})
    )
    again = day(out, "--minutes", "4", "--models", model)["rows"]
    assert "seconds" in again.pop(f"{model}/decode")  # type: ignore[operator]
    assert again == {name: row for name, row in rows.items() if name in again}


def test_it_ends_in_time_and_says_what_it_did_not_get_to(tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    Results(out).open({})
    assert day(out, "--minutes", "0.1")["rows"] == {}  # a second after its margin


@pytest.mark.filterwarnings("ignore::FutureWarning")  # weight_norm, inside diffusers
@pytest.mark.parametrize("subject", subjects(tiny=True), ids=lambda subject: subject.name)
def test_every_model_steps_and_decodes(subject: Subject) -> None:
    loaded = measure.load(subject, torch.device("cpu"), torch.float32, 1)
    for spec in {*subject.shapes, *subject.mixed}:
        state = loaded.begun(loaded.plan(spec, 2))
        walk(loaded.denoiser, state)
        assert loaded.denoiser.decode(state).shape == (spec.frames, spec.height, spec.width, 3)
    assert subject.tokens(subject.shapes[0]) > 0


@pytest.mark.timeout(900)  # presets are compiled, where nothing of them is kept from before
@pytest.mark.parametrize("row", ["packing", "presets"])
def test_wans_own_rows(row: str) -> None:
    loaded = measure.load(subjects(tiny=True)[0], torch.device("cpu"), torch.float32, 1)
    found = getattr(measure, row)(loaded)
    if row == "packing":
        assert found["differ_by"] < 1e-4
    else:
        assert set(found) == {"none", *PRESETS}


def tiny(name: str) -> measure.Loaded:
    subject = next(each for each in subjects(tiny=True) if each.name == name)
    return measure.load(subject, torch.device("cpu"), torch.float32, 1)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_minimax_h3s_row_with_pictures_says_what_is_promised() -> None:
    loaded = tiny("minimax-h3")
    found = measure.shown(loaded)
    assert [row["promised"] for row in found.values()] == [1.6364] * len(loaded.subject.shapes)
    assert all(row["measured"] > 0 for row in found.values())
    assert "note" in measure.film(loaded)


def test_a_film_has_a_row_of_each_segment() -> None:
    loaded = tiny("skyreels-v2-df-1.3b")
    found = measure.film(loaded)
    assert (found["segments"], len(found["step_s"])) == ([9, 9, 9], 3)
    assert min(found["step_s"]) > 0
    assert "note" in measure.shown(loaded)


def test_fastwan_is_walked_down_its_own_levels_without_guidance() -> None:
    loaded = tiny("fastwan2.2-ti2v-5b")
    state = loaded.begun(loaded.plan(loaded.smallest, 3))
    assert state.sigmas[:3] == pytest.approx([1, 0.756757, 0.521739], abs=1e-6)
    assert not state.guided
    walk(loaded.denoiser, state)


def test_published_configurations_have_their_published_sizes() -> None:
    """Billions of weights, by the model cards; nothing is allocated."""
    expected = {
        "wan2.1-t2v-1.3b": 1.42,
        "wan2.2-ti2v-5b": 5.0,
        "ltx-video": 1.92,
        "hunyuanvideo-1.5": 8.33,
        "cogvideox-2b": 1.69,
        "skyreels-v2-df-1.3b": 1.42,
        "ltx-2": 18.9,
        "minimax-h3": 33.1,
        "fastwan2.2-ti2v-5b": 5.0,
        "kandinsky-5-lite": 2.0,
    }
    found = {}
    for subject in subjects(tiny=False):
        parts = subject.parts(torch.device("meta"), torch.bfloat16)
        found[subject.name] = sum(weight.numel() for weight in parts.transformer.parameters()) / 1e9
    assert found == pytest.approx(expected, rel=0.05)


def test_a_row_that_a_process_died_in_has_failed_and_is_tried_again_after_the_others(tmp_path: Path) -> None:
    results = Results(tmp_path / "gpu.json")
    results.open({"device": "a"})
    results.begin("m/step")
    results = Results(tmp_path / "gpu.json")
    results.fail("The process ended with -9.")
    assert results.left(["m"]) == [*ordered(["m"])[1:], ("m", "step")]
    for _ in range(TRIES - 1):
        results.begin("m/step")
        results.fail("again")
    assert results.left(["m"]) == ordered(["m"])[1:]
    results.begin("m/batches")
    results.fail("The time was up.", counts=False)
    assert ("m", "batches") in results.left(["m"])
    results.open({"device": "b"})
    assert results.left(["m"]) == ordered(["m"])
