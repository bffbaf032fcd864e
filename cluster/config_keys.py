"""Keys of a Serve config that nobody reads: Ray drops them silently, so that a slip of the pen would change nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel
from ray.runtime_env import RuntimeEnv
from ray.serve.config import AutoscalingPolicy
from ray.serve.schema import ServeDeploySchema

from app.models.pool_names import deployment_of, deployments_of
from app.models.served import served
from app.plan.suggest import did_you_mean
from app.settings import Settings
from app.settings.read import unknown
from cluster.servable import BUILDERS, elsewhere

AS_MODELS: Mapping[str, type[BaseModel]] = {"autoscaling_policy": AutoscalingPolicy}
"""What Ray's schema leaves open, though what reads it does not."""
FREE = frozenset({"args", "user_config", "request_router_kwargs", "policy_kwargs", "resources", "env_vars"})
"""Maps whose keys are for others to read; `args` are settings, and refused by those."""
RUNTIME_ENV = frozenset(name for name in RuntimeEnv.known_fields if not name.startswith("_"))
OF_POOLS = ("Diffuser-", "TextEncoder-")
PARTS = ("Router", "PromptAnalyzer", "Cache", "Dispatcher", "Finisher")
MINE, ENCODER = "Diffuser", "TextEncoder"


def stray_keys(config: Mapping[str, Any]) -> list[str]:
    """A sentence for each key, anywhere in a config, that nobody reads."""
    return list(_of_model(config, ServeDeploySchema, ""))


def stray_deployments(config: Mapping[str, Any]) -> list[str]:
    """A sentence for each row of a deployment that the application does not have. Raises ValueError, BadModel.

    Pools may be named by the environment of the cluster's nodes, which is not this machine's.
    """
    return [
        f"{row.place} names a deployment {row.name!r} that there is not.{_instead(row)}"
        for row in _rows(config)
        if row.name not in row.known and not (row.name.startswith(OF_POOLS) and not row.names_models)
    ]


def too_few_requests(config: Mapping[str, Any]) -> list[str]:
    """A sentence for each Diffuser that Serve would send fewer jobs than it holds. Raises ValueError, BadModel."""
    found = []
    for row in _rows(config):
        slots, paused = row.settings.slots, row.settings.max_paused
        given = row.values.get("max_ongoing_requests")
        if row.name.partition("-")[0] == MINE and isinstance(given, int) and given < slots + paused:
            found.append(
                f"{row.place}.max_ongoing_requests={given} is too few: {row.name} holds up to {slots + paused} jobs "
                f"(slots {slots} + max_paused {paused})."
            )
    return found


@dataclass(frozen=True, slots=True)
class _Row:
    """A deployment's row in an application of ours. `known`: the names that its rows may have."""

    place: str
    name: str
    values: Mapping[str, Any]
    settings: Settings
    names_models: bool
    known: frozenset[str]


def _rows(config: Mapping[str, Any]) -> Iterator[_Row]:
    for number, application in enumerate(config.get("applications") or ()):
        if application.get("import_path") not in BUILDERS:
            continue
        args = application.get("args") or {}
        settings = Settings(**args)
        pools = served(settings, elsewhere).pools
        encoders = (deployment_of(pool, ENCODER) for pool in pools)  # whether shared, nodes' variables may say
        known = frozenset({*PARTS, *deployments_of(settings), *encoders})
        for index, row in enumerate(application.get("deployments") or ()):
            place = f"applications[{number}].deployments[{index}]"
            yield _Row(place, str(row.get("name")), row, settings, "models" in args, known)


def _instead(row: _Row) -> str:
    """What to write in place of a name."""
    kind = row.name.partition("-")[0]
    if kind not in (MINE, ENCODER):
        return did_you_mean(row.name, row.known)
    names = ", ".join(sorted(name for name in row.known if name.partition("-")[0] == kind))
    return f" The models' pools are served by {names}; an entry's `pool` names its pool."


def _of_model(value: Mapping[str, Any], model: type[BaseModel], place: str) -> Iterator[str]:
    known = model.model_fields
    for key, inner in value.items():
        where = f"{place}.{key}" if place else str(key)
        if key not in known:
            yield f"{where} is read by nobody.{did_you_mean(str(key), known)}"
        elif key == "runtime_env":
            yield from _of_runtime_env(inner, where)
        elif key.startswith("placement_group_bundle"):
            yield from _of_bundles(inner, where)
        elif key not in FREE:
            yield from _of_field(inner, AS_MODELS.get(key) or _model_in(known[key].annotation), where)


def _of_field(value: object, model: type[BaseModel] | None, place: str) -> Iterator[str]:
    if model is None:
        return
    if isinstance(value, Mapping):
        yield from _of_model(value, model, place)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, each in enumerate(value):
            yield from _of_field(each, model, f"{place}[{index}]")


def _of_runtime_env(value: object, place: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        return
    for key in value:
        if key not in RUNTIME_ENV:
            yield f"{place}.{key} is read by nobody.{did_you_mean(str(key), RUNTIME_ENV)}"
    variables = value.get("env_vars")
    if isinstance(variables, Mapping):
        yield from (f"{place}.env_vars: {sentence}" for sentence in unknown({str(name): "" for name in variables}))


def _of_bundles(value: object, place: str) -> Iterator[str]:
    """Other names are resources of one's own, which nodes may have; these two no node has in lower case."""
    for index, bundle in enumerate(value if isinstance(value, Sequence) else ()):
        for key in bundle if isinstance(bundle, Mapping) else ():
            if str(key).upper() in ("CPU", "GPU") and str(key) != str(key).upper():
                yield f"{place}[{index}].{key} is no resource of any node. Did you mean {str(key).upper()!r}?"


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The record that a field holds, be it alone, perhaps, or in a list; None: it holds none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in (Union, UnionType, list):
        return next((found for found in map(_model_in, get_args(annotation)) if found is not None), None)
    return None
