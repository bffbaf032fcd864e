"""The image is built where a builder is; elsewhere `python -m tests.drills.image` runs its instructions by hand."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.drills.dockerfile import Copy, copied, filled, health_command, instructions, pairs, parse
from tests.drills.image import Image, put

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "cluster" / "Dockerfile"


def builder() -> list[str] | None:
    """The words that build, of the first builder that is here and works."""
    for words in (["docker", "build"], ["podman", "build"], ["buildah", "build"]):
        if shutil.which(words[0]) and subprocess.run([words[0], "info"], capture_output=True).returncode == 0:
            return words
    return None


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("target", ["cpu", "gpu"])
def test_the_image_can_be_built(target: str) -> None:
    words = builder()
    if words is None:
        pytest.skip("no Docker, Podman or Buildah works here: nothing builds the image")
    subprocess.run([*words, "-f", FILE, "--target", target, "-t", f"kinoray:test-{target}", ROOT], check=True)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_without_a_builder_the_image_is_made_by_hand_and_runs_as_it_says(tmp_path: Path) -> None:
    """Healthy by its HEALTHCHECK, as its USER, with a root that cannot be written, and gone at its STOPSIGNAL.

    KINORAY_DRILL_IMAGE has more words for `tests.drills.image`, such as where this machine's pip looks.
    """
    if os.geteuid() != 0 or shutil.which("debootstrap") is None or shutil.which("unshare") is None:
        pytest.skip("it takes root, debootstrap and unshare")
    base = tmp_path / "base"
    needed = "--include=ca-certificates,python3,python3-venv,python3-dev"
    subprocess.run(["debootstrap", "--variant=minbase", needed, "bookworm", base], check=True)
    (base / "usr" / "bin" / "python").symlink_to("python3")
    trial = [sys.executable, "-m", "tests.drills.image", "--target=cpu", f"--base={base}", f"--folder={tmp_path}/made"]
    more = shlex.split(os.environ.get("KINORAY_DRILL_IMAGE", ""))
    ran = subprocess.run([*trial, "--start", *more], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert ran.returncode == 0, ran.stdout[-4000:]
    assert "and ended at SIGTERM" in ran.stdout.splitlines()[-1]


def test_each_target_is_made_of_the_stages_that_it_needs_in_order() -> None:
    file = parse(FILE.read_text())
    assert file.needed("cpu") == ["runtime", "build", "build-cpu", "cpu"]
    assert file.needed("gpu") == ["runtime", "build", "build-gpu", "gpu"]
    made = {name for target in ("cpu", "gpu") for name in file.needed(target)}
    assert made == set(file.stages)  # no line is in neither


def test_lines_are_joined_and_comments_left_out_also_in_between() -> None:
    (run, env) = instructions("# no\nRUN a \\\n  # nor this\n  && b\nenv A=1\n")
    assert (run.word, run.rest.split()) == ("RUN", ["a", "&&", "b"])
    assert (env.word, env.rest) == ("ENV", "A=1")


@pytest.mark.parametrize("text", ["FROM x\nADD a b\n", "RUN a\n"])
def test_what_cannot_be_tried_is_said(text: str) -> None:
    with pytest.raises(ValueError, match="ADD|before the first FROM"):
        parse(text)


def test_variables_are_those_of_before_the_instruction() -> None:
    assert pairs('A=1 B="$A ${C}" D=\\$x', {"A": "0", "C": "c"}) == {"A": "1", "B": "0 c", "D": "$x"}
    assert filled("${NONE}-$A", {"A": "a"}) == "-a"


def test_copies_and_health_checks_are_read() -> None:
    assert copied("--from=build /a /b") == Copy(["/a"], "/b", "build")
    assert copied("a b ./") == Copy(["a", "b"], "./")
    assert health_command('--interval=5s CMD ["wget", "-q"]') == ["wget", "-q"]


def test_what_dockerignore_keeps_back_is_not_copied(tmp_path: Path) -> None:
    put("app", tmp_path / "app", into=False)
    assert (tmp_path / "app" / "__init__.py").exists()
    assert not list(tmp_path.rglob("__pycache__"))
    with pytest.raises(FileNotFoundError, match="dockerignore"):
        put("tests", tmp_path / "tests", into=False)
    assert Image(tmp_path, folder="/src").inside("./") == tmp_path / "src"
