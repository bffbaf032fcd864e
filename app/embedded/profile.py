"""What the built-in model can make, read from its weights folder without torch: for the planner and the routers."""

import hashlib
import json
from functools import partial
from pathlib import Path

from app.types import STUDENT, ModelProfile, StudentOfModel, TierOfModel

WEIGHTS = Path(__file__).parent / "weights"
MODEL_ID = "kinoray-shapes"
STUDENT_FOLDER, UPSCALER_FOLDER, REDRAWER_FOLDER = "student", "upscaler", "redrawer"
UPSCALE = 2  # times the model's own sides, unless a request says otherwise
_CLASSES = 4  # of prompts, each of which a tier has steps for
ACROSS, RELATIONS, COUNTS, PICTURES = "across", "relations", "counts", "pictures"


def profile(weights: Path = WEIGHTS) -> ModelProfile:
    """The model's profile. Raises FileNotFoundError when the weights are not there."""
    facts = json.loads((weights / "model.json").read_text())
    picture, frames, fps = int(facts["picture"]), int(facts["frames"]), int(facts["fps"])
    own = revision(weights)  # read once: it is all of the files
    student, upscaler = _student_of(weights, own), upscaler_mark(weights)
    return ModelProfile(
        id=MODEL_ID,
        family="wan",
        revision=own,
        sizes=((picture, picture),),
        frames=tuple(range(9, frames + 1, 4)),  # 1 + 4 k, from the shortest it was trained on
        fps=(4, 16),
        default_frames=frames,
        default_fps=fps,
        guidance=float(facts.get("guidance", 3.0)),
        shift=float(facts["flow_shift"]),
        step_s=0.05,
        overhead_s=0.4,
        step_caches=True,
        student=student,
        tiers=() if student is None else _tiers(facts["student"], student),
        takes_image=PICTURES in known_to(weights),
        upscaler=upscaler,
        upscale=UPSCALE if upscaler else 1,
        drawn_by=_redrawer_mark(weights, own),
    )


def student_of(weights: Path = WEIGHTS) -> StudentOfModel | None:
    """The student that was distilled from exactly these weights; None without one, or for one of others."""
    return _student_of(weights, revision(weights))


def _student_of(weights: Path, own: str) -> StudentOfModel | None:
    facts = json.loads((weights / "model.json").read_text()).get("student")
    if facts is None or not (weights / STUDENT_FOLDER).is_dir() or facts["teacher"] != own:
        return None
    levels = tuple(float(level) for level in facts["levels"])
    marked = json.dumps([revision(weights / STUDENT_FOLDER), levels])
    return StudentOfModel(hashlib.sha256(marked.encode()).hexdigest()[:12], levels)


def _tiers(facts: dict[str, list[str]], student: StudentOfModel) -> tuple[TierOfModel, ...]:
    """The rows of the tiers that the student makes: those that its facts name, which may be none."""
    steps = (student.evaluations,) * _CLASSES
    return tuple(TierOfModel(tier, steps, guidance=1.0, weights=STUDENT) for tier in facts["tiers"])


def upscaler_mark(weights: Path = WEIGHTS) -> str:
    """The mark of the upscaler's weights; empty: there are none."""
    return _mark_of(weights / UPSCALER_FOLDER / "upscaler.safetensors")


def redrawer_mark(weights: Path = WEIGHTS) -> str:
    """The mark of a redrawer taught with exactly these weights; empty: there is none."""
    return _redrawer_mark(weights, revision(weights))


def _redrawer_mark(weights: Path, own: str) -> str:
    facts = json.loads((weights / "model.json").read_text()).get("redrawer")
    if facts is None or facts["of"] != own:
        return ""
    return _mark_of(weights / REDRAWER_FOLDER / "redrawer.safetensors")


def _mark_of(path: Path) -> str:
    """The first 16 hex digits of a file's SHA-256; empty: there is no such file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else ""


def known_to(weights: Path = WEIGHTS) -> frozenset[str]:
    """What a set of weights knows beyond the first world: some of `ACROSS`, `RELATIONS`, `COUNTS`, `PICTURES`."""
    return frozenset(json.loads((weights / "model.json").read_text()).get("knows", ()))


def revision(weights: Path = WEIGHTS) -> str:
    """The first 12 hex digits of the SHA-256 over the weights files of the denoiser and the autoencoder, by name.

    Those of a student, an upscaler and a redrawer are no part of it: latents are the same with and without them.
    """
    digest = hashlib.sha256()
    for path in sorted(weights.rglob("*.safetensors")):
        if path.relative_to(weights).parts[0] in (STUDENT_FOLDER, UPSCALER_FOLDER, REDRAWER_FOLDER):
            continue
        digest.update(path.relative_to(weights).as_posix().encode())
        with path.open("rb") as file:
            for block in iter(partial(file.read, 1 << 20), b""):
                digest.update(block)
    return digest.hexdigest()[:12]
