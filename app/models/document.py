"""The families as a table for people: `python -m app.models.document` writes it into docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from app.plan.families import ROWS, FamilyRow
from app.types import FIRST, IMAGE, InputRole

PAGE: Final = Path("docs/models.md")
BEGIN: Final = "<!-- families: written by `python -m app.models.document` from app/plan/families.py: change that -->"
END: Final = "<!-- end of families -->"
COLUMNS: Final = (
    *("family", "makes videos of", "pictures and videos that it takes", "sound", "LoRA", "few steps", "stages"),
    "weights in turns, GiB",
)
NOTES: Final = """
`/v1/models` says the same of each model as it is served (`inputs`). *Few steps*: those of distilled weights, else by a
LoRA of few steps in a tier. *Weights in turns*: what the largest part takes on the device where they take turns
(`offload: model`), the denoiser's at 8 bits (`layerwise: float8_e4m3fn`), the text encoders' at 16; reckoned from
published numbers of parameters, measured with none of them. What a step works with comes on top, and `offload: group`
(the preset `memory`) needs less of the denoiser. A † is for weights of the pipeline named alone.
"""
GIB: Final = 2**30

BILLIONS: Final[dict[str, tuple[float, float]]] = {
    "wan2.1-t2v-1.3b": (1.4, 5.7),
    "wan2.1-vace-1.3b": (2.2, 5.7),
    "wan2.2-ti2v-5b": (5.0, 5.7),
    "wan2.1-vace-14b": (17.3, 5.7),
    "wan2.1-i2v": (16.4, 5.7),
    "wan2.1-flf2v": (16.4, 5.7),
    "wan2": (14.3, 5.7),
    "ltx-2": (18.9, 11.8),
    "ltx-video": (1.9, 4.8),
    "skyreels-v2-df-1.3b": (1.4, 5.7),
    "skyreels-v2-df-14b": (14.3, 5.7),
    "hunyuan-video-1.5": (8.3, 7.1),
    "hunyuan-video": (12.8, 8.0),
    "cogvideox-2b": (1.7, 4.8),
    "cogvideox": (5.6, 4.8),
    "z-image": (6.2, 4.0),
    "minimax-h3": (30.9, 33.0),
}
"""Parameters of one denoiser and of the larger text encoder, in thousand millions, as their model cards have them, by
how a family's name begins; the longest that fits counts."""


def table(rows: Iterable[FamilyRow] = ROWS) -> str:
    """The rows as Markdown."""
    head = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    return "\n".join([*head, *map(_row, rows)])


def page(text: str) -> str:
    """The page with the table as it is now. Raises ValueError: its marks are not there."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has no place for the families")
    return f"{before}{BEGIN}\n\n{table()}\n{NOTES}\n{END}{after}"


def smallest_gib(family: str) -> float | None:
    """GiB of the largest part where parts take turns; None: the numbers are not known."""
    known = [name for name in BILLIONS if family.startswith(name)]
    if not known:
        return None
    denoiser, text = BILLIONS[max(known, key=len)]
    return max(denoiser, 2 * text) * 1e9 / GIB


def _row(row: FamilyRow) -> str:
    gib = smallest_gib(row.name)
    cells = (
        f"`{row.name}`",
        _modes(row),
        _inputs(row),
        "yes" if getattr(row, "makes_sound", False) else "no",
        "yes" if row.takes_loras else "no",
        _few(row),
        _stages(row),
        "" if gib is None else f"{gib:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _modes(row: FamilyRow) -> str:
    if row.frames[1] == 1:
        return "text, as single pictures"
    of = "a picture" if row.needs_image else "text, a picture" if row.takes_image else "text"
    return f"{of}; single pictures" if row.one_frame else of


def _inputs(row: FamilyRow) -> str:
    roles = row.inputs or ((InputRole(FIRST, needed=row.needs_image),) if row.takes_image else ())
    said = "; ".join(map(_role, roles))
    return f"{said} † `{row.inputs_of}`" if said and row.inputs_of else said


def _role(role: InputRole) -> str:
    what = role.role if role.most == 1 else f"up to {role.most} × {role.role}"
    facts = [
        *([] if role.kinds == (IMAGE,) else [" or ".join(role.kinds)]),
        *(["needed"] if role.needed else []),
        *([f"beside {role.beside}"] if role.beside and not role.needed else []),
        *([f"at a frame, multiples of {role.frame_step}"] if role.framed else []),
        *(["strength"] if role.graded else []),
    ]
    return f"{what} ({', '.join(facts)})" if facts else what


def _few(row: FamilyRow) -> str:
    if row.most_steps is not None or (row.guided_by == "nothing" and row.tiers):
        return f"{row.most_steps or max(row.tiers[-1].steps)}, distilled"
    return "by a LoRA" if row.takes_loras else "no"


def _stages(row: FamilyRow) -> str:
    if row.refined is not None:
        wears = f", with the LoRA `{row.refined.adapter}`" if row.refined.adapter else ""
        return f"small, then {row.refined.steps} steps at full size{wears}"
    return "" if row.segments is None else f"beyond {row.segments.frames} frames in segments of as many"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
