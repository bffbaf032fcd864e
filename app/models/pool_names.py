"""What pools and their deployments are called, by the settings alone: no file of any model is looked at."""

from __future__ import annotations

from app.embedded.profile import MODEL_ID
from app.settings import Settings
from app.settings.model_entry import ModelEntry

MAIN = "main"
"""The pool of a model that has the service to itself, and of the built-in one; its deployment is plain "Diffuser"."""


def entries_of(settings: Settings) -> tuple[ModelEntry, ...]:
    """The entries of `models`, each with the name of its pool."""
    alone = len(settings.models) == 1
    return tuple(
        entry.model_copy(update={"pool": entry.pool or (MAIN if alone or entry.id == MODEL_ID else _named(entry.id))})
        for entry in settings.models
    )


def deployments_of(settings: Settings) -> frozenset[str]:
    """The deployments that serve the pools: a Diffuser for each, and a TextEncoder for each model that shares one."""
    entries = entries_of(settings)
    of_tiers = (own.pool for entry in entries for own in entry.tiers.values())
    pools = {*(entry.pool for entry in entries), *of_tiers, *settings.pools.values()} - {None}
    shared = (entry.pool for entry in entries if shares_encoder(entry, settings))
    return frozenset(
        {*(deployment_of(str(pool)) for pool in pools), *(deployment_of(str(pool), "TextEncoder") for pool in shared)}
    )


def shares_encoder(entry: ModelEntry, settings: Settings) -> bool:
    """Whether the replicas of a model have their text encoder in a deployment of its own."""
    return (entry.text_encoder or settings.text_encoder) == "shared"


def deployment_of(pool: str, kind: str = "Diffuser") -> str:
    """The deployment's name in the config file: "Diffuser", and "Diffuser-draft" and so on."""
    return kind if pool == MAIN else f"{kind}-{pool}"


def _named(model: str) -> str:
    """A pool named after a model: what is not a letter or digit becomes a dash."""
    return "".join(letter if letter.isalnum() else "-" for letter in model.lower())[:40].strip("-")
