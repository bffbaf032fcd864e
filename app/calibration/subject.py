"""Which model `kinoray calibrate` measures: the built-in one or any of the setting `models`; and where tables go."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.embedded.profile import MODEL_ID
from app.engine.denoiser import Denoiser
from app.engine.families.embedded import built_in_profile, load_denoiser
from app.models.loading import load_entry
from app.models.served import served
from app.plan.tables import file_name
from app.settings import Settings
from app.types import ModelProfile


@dataclass(frozen=True, slots=True)
class Chosen:
    """A model to measure. `load` reads it."""

    profile: ModelProfile
    load: Callable[[], Denoiser]
    folder: Path | None  # of the operator's tables; None: the built-in model's table is part of Kinoray

    @property
    def built_in(self) -> bool:
        """Whether it is the model that a checker can judge."""
        return self.folder is None

    def table(self, packaged: Path, kind: str) -> Path:
        """Where its table of a kind belongs."""
        folder = packaged if self.folder is None else self.folder / kind
        return folder / file_name(self.profile.id)

    def progress(self, kind: str) -> Path:
        """Where to note how far the measuring is."""
        return Path("runs") / f"{kind}-{file_name(self.profile.id)}"


def add_model(parser: argparse.ArgumentParser) -> None:
    """The arguments that name a model."""
    parser.add_argument("--model", default=MODEL_ID, help="one of KINORAY_MODELS; by default the built-in one")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="of the built-in model")
    parser.add_argument("--threads", type=int)


def chosen(parser: argparse.ArgumentParser, asked: argparse.Namespace) -> Chosen:
    """The model that was named. Leaves with a message when there is none of that name."""
    if asked.model == MODEL_ID:
        return Chosen(built_in_profile(), lambda: load_denoiser(asked.dtype, asked.threads), None)
    settings = Settings()
    if asked.threads:
        settings = settings.model_copy(update={"threads": asked.threads})
    name = settings.aliases.get(asked.model, asked.model)
    known = {model.id: (model, entry) for model, entry in served(settings).pools.values()}
    if name not in known:
        parser.error(f"KINORAY_MODELS has no model {asked.model!r}")
    model, entry = known[name]
    return Chosen(model, lambda: load_entry(entry, settings), settings.calibration_folder)
