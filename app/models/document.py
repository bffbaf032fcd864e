"""The families as a table for people: `python -m app.models.document` writes it into docs/models.md."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from app.models.published import numbers_of
from app.plan.families import ROWS, FamilyRow
from app.plan.few_step import BY_FAMILY, FEW_STEPS, FewStep
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
(`offload: model`), the denoiser's at 8 bits (`layerwise: float8_e4m3fn`), the text encoders' at 16; counted on the
layers of their published configurations. What a step works with comes on top, and `offload: group` (the preset
`memory`) needs less of the denoiser. A † is for weights of the pipeline named alone.
"""
FEW_BEGIN: Final = "<!-- few steps: written by `python -m app.models.document` from app/plan/few_step.py -->"
FEW_END: Final = "<!-- end of few steps -->"
FEW_COLUMNS: Final = ("family", "`few_step`", "is", "steps", "guidance", "flow shift", "noise levels", "method", "from")
GIB: Final = 2**30


def table(rows: Iterable[FamilyRow] = ROWS) -> str:
    """The rows as Markdown."""
    head = [f"| {' | '.join(COLUMNS)} |", "|" + "---|" * len(COLUMNS)]
    return "\n".join([*head, *map(_row, rows)])


def few_table(rows: Iterable[FewStep] = FEW_STEPS) -> str:
    """The few-step methods as Markdown, in the order of the families."""
    names = [row.name for row in ROWS]
    each = sorted(((names.index(family), row) for row in rows for family in row.families), key=lambda pair: pair[0])
    head = [f"| {' | '.join(FEW_COLUMNS)} |", "|" + "---|" * len(FEW_COLUMNS)]
    return "\n".join([*head, *(_few_row(names[place], row) for place, row in each)])


def page(text: str) -> str:
    """The page with the tables as they are now. Raises ValueError: their marks are not there."""
    with_families = _put(text, BEGIN, f"{table()}\n{NOTES}", END, "families")
    return _put(with_families, FEW_BEGIN, few_table(), FEW_END, "few steps")


def _put(text: str, begin: str, table: str, end: str, what: str) -> str:
    before, begun, rest = text.partition(begin)
    _, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"the page has no place for the {what}")
    return f"{before}{begin}\n\n{table}\n{end}{after}"


def _few_row(family: str, row: FewStep) -> str:
    file = " and ".join(f"`{each}`" for each in (row.file, row.file_2) if each)
    cells = (
        f"`{family}`",
        f"`{row.name}`",
        f"{row.kind}: `{row.source}`{f', {file}' if file else ''}",
        str(row.steps),
        f"{row.guidance:g}",
        "its own" if row.shift is None else f"{row.shift:g}",
        ", ".join(f"{level:g}" for level in row.levels) or "the sampler's",
        row.method,
        row.told,
    )
    return f"| {' | '.join(cells)} |"


def smallest_gib(family: str) -> float | None:
    """GiB of the largest part where parts take turns: one denoiser at 8 bits, text encoders at 16; None: not known."""
    sizes = numbers_of(family)
    text = [2 * count for name, count in sizes.items() if name.startswith("text_encoder")]
    return max([sizes["transformer"], *text]) / GIB if sizes else None


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
    if known := BY_FAMILY.get(row.name):
        return ", ".join(f"{each.steps}, `{name}`" for name, each in known.items())
    return "by a LoRA" if row.takes_loras else "no"


def _stages(row: FamilyRow) -> str:
    if row.refined is not None:
        wears = f", with the LoRA `{row.refined.adapter}`" if row.refined.adapter else ""
        return f"small, then {row.refined.steps} steps at full size{wears}"
    return "" if row.segments is None else f"beyond {row.segments.frames} frames in segments of as many"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
