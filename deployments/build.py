"""Builds the application: settings in, bound deployments out. `serve_config.yaml` names `deployments.build:build`."""

# No `from __future__ import annotations` here: Ray reads the real annotation of `build` to validate `args`.
from typing import Any

from ray import serve
from ray.serve import Application

from app.embedded.profile import profile
from app.settings import Settings
from app.types import ModelProfile
from deployments import scaling
from deployments.analyzer import PromptAnalyzer
from deployments.cache import Cache
from deployments.diffuser import Diffuser
from deployments.dispatcher import Dispatcher
from deployments.finisher import Finisher
from deployments.router import Router


def build(args: Settings) -> Application:
    """The six deployments, with a Diffuser for each pool; replicas and resources are the config file's."""
    model = profile()
    cache = serve.deployment(Cache).bind(args)
    finisher = serve.deployment(Finisher).bind(args, cache)
    diffusers = {
        pool: serve.deployment(Diffuser, name=_diffuser(pool, model), **_scaled(args, pool)).bind(
            args, model, pool, cache, finisher
        )
        for pool in sorted({model.pool, *args.pools.values()})
    }
    if unknown := set(args.replicas) - set(diffusers):
        raise ValueError(f"`replicas` names pools that no tier uses: {', '.join(sorted(unknown))}")
    watched = {"autoscaling_config": scaling.DISPATCHER} if args.replicas else {}
    dispatcher = serve.deployment(Dispatcher, **watched).bind(args, diffusers)
    analyzer = serve.deployment(PromptAnalyzer).bind(args, (model,))
    router = serve.deployment(serve.ingress()(Router))
    return router.bind(args, (model,), analyzer, cache, dispatcher, finisher)


def _scaled(args: Settings, pool: str) -> dict[str, Any]:
    """Bounds for Serve, of a pool that scales."""
    return {"autoscaling_config": scaling.bounds(*args.replicas[pool])} if pool in args.replicas else {}


def _diffuser(pool: str, model: ModelProfile) -> str:
    """The deployment's name in the config file: "Diffuser", and "Diffuser-draft" and so on."""
    return "Diffuser" if pool == model.pool else f"Diffuser-{pool}"
