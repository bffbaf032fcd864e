"""What can be known of a Serve config before anything is started: whether each of its models can be served."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.models.report import unservable
from app.models.served import BadModel, served
from app.models.sources import Located, SourceMissing, locate
from app.settings import Settings
from app.settings.model_entry import EMBEDDED, ModelEntry
from app.settings.secret_values import LiteralSecret

BUILDERS = ("kinoray.serve:build", "deployments.build:build")  # the second: in a checkout, and before 0.2


def settings_of(config: Mapping[str, Any]) -> Iterator[Settings]:
    """The settings of each application of ours in a config. Raises ValueError: they are not valid."""
    for application in ours(config):
        yield Settings.from_args(application.get("args") or {})


def ours(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The applications of a config that are Kinoray's."""
    return (each for each in config.get("applications") or () if each.get("import_path") in BUILDERS)


def unservable_here(config: Mapping[str, Any]) -> str | None:
    """Why this machine cannot serve a config, naming the entries of `models` at fault; None: nothing speaks against it.

    Raises:
        ValueError: its settings are not valid.
    """
    found = [why for settings in settings_of(config) for why in unservable(settings, *_room(settings))]
    return "; ".join(found) or None


def unservable_anywhere(config: Mapping[str, Any]) -> str | None:
    """The same for a cluster: files that are not on this machine may be on its nodes, whose memory is not known.

    Raises:
        ValueError: its settings are not valid.
    """
    try:
        found = list(settings_of(config))
    except LiteralSecret as error:
        return str(error)
    for settings in found:
        try:
            served(settings, elsewhere)
        except BadModel as error:
            return str(error)
    return None


def elsewhere(entry: ModelEntry) -> Located:
    """Where an entry's files are; those that are not on this machine may be on a node. Raises SourceMissing."""
    try:
        return locate(entry)
    except SourceMissing:
        if Path(entry.source).expanduser().is_dir():
            raise
        return Located(None, "elsewhere")


def _room(settings: Settings) -> tuple[int, bool]:
    """Bytes of this machine's device, and whether all pools share them; endless for the built-in model alone."""
    if all(entry.source == EMBEDDED for entry in settings.models):
        return 2**63, False
    from app.engine.timing.hardware import device_memory, on_processor  # torch: seconds for models of one's own alone

    return device_memory()[1], on_processor()
