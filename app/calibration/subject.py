"""Which model `kinoray calibrate` measures: the built-in one or any of the setting `models`; and where tables go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from app.embedded.profile import MODEL_ID
from app.engine.denoiser import Denoiser
from app.engine.families.embedded import built_in_profile, load_denoiser
from app.engine.families.family_denoiser import FamilyDenoiser
from app.engine.families.loading.reader import Options
from app.models.loading import load_entry
from app.models.served import served
from app.plan.tables import file_name
from app.settings.placement import Placement
from app.settings.read import read_settings
from app.types import ModelProfile


class CannotMeasure(Exception):
    """There is no such model, or it cannot be measured like that; the message says why."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model to measure. `load` reads it."""

    profile: ModelProfile
    load: Callable[[], Denoiser]
    folder: Path | None  # of the operator's tables; None: the built-in model's table is part of Kinoray
    placed: Callable[[Placement], FamilyDenoiser]  # reads it, laid out so
    measured_magnitudes: bool = False  # whether MagCache can be had

    @property
    def built_in(self) -> bool:
        """Whether it is the model that a checker can judge."""
        return self.folder is None

    def prompts(self, file: Path | None, usual: Sequence[str]) -> Sequence[str]:
        """Those of a file, a line each, or the usual ones of the built-in model. Raises CannotMeasure."""
        if file is not None:
            return file.read_text().splitlines()
        if not self.built_in:
            raise CannotMeasure("--prompts FILE is needed: what people ask of this model")
        return usual

    def table(self, packaged: Path, kind: str) -> Path:
        """Where its table of a kind belongs."""
        folder = packaged if self.folder is None else self.folder / kind
        return folder / file_name(self.profile.id)

    def progress(self, kind: str) -> Path:
        """Where to note how far the measuring is."""
        return Path("runs") / f"{kind}-{file_name(self.profile.id)}"


def chosen(name: str | None, dtype: str, threads: int | None) -> Chosen:
    """The model of that name, the built-in one for None; `dtype` is the built-in one's.

    Raises CannotMeasure, BadSettings.
    """
    if name in (None, MODEL_ID):
        return Chosen(
            built_in_profile(),
            lambda: load_denoiser(dtype, threads),
            None,
            lambda placement: load_denoiser(placement.dtype, threads, Options(placement)),
        )
    settings = read_settings()
    if threads:
        settings = settings.model_copy(update={"threads": threads})
    known = {model.id: (model, entry) for model, entry in served(settings).pools.values()}
    found = known.get(settings.aliases.get(name, name))
    if found is None:
        raise CannotMeasure(f"KINORAY_MODELS has no model {name!r}")
    model, entry = found

    def placed(placement: Placement) -> FamilyDenoiser:
        wish = {"preset": None, "dtype": placement.dtype, "placement": asdict(placement)}
        made = load_entry(entry.model_copy(update={"dtype": None}), settings.model_copy(update=wish))
        if not isinstance(made, FamilyDenoiser):
            raise CannotMeasure(f"{model.id} has no layouts")
        return made

    mag = bool(settings.mag_ratios.get(model.id))
    return Chosen(model, lambda: load_entry(entry, settings), settings.calibration_folder, placed, mag)
