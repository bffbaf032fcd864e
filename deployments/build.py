"""Builds the application: settings in, bound deployments out. `serve_config.yaml` names `deployments.build:build`."""

# No `from __future__ import annotations` here: Ray reads the real annotation of `build` to validate `args`.
from ray import serve
from ray.serve import Application

from app.embedded.profile import profile
from app.settings import Settings
from app.types import ModelProfile
from deployments.analyzer import PromptAnalyzer
from deployments.cache import Cache
from deployments.diffuser import Diffuser
from deployments.dispatcher import Dispatcher
from deployments.encoder import TextEncoder
from deployments.finisher import Finisher
from deployments.router import Router


def build(args: Settings) -> Application:
    """The six deployments, with a Diffuser for each pool, and a TextEncoder where they share one.

    Replicas and resources are the config file's.
    """
    model = profile()
    cache = serve.deployment(Cache).bind(args)
    finisher = serve.deployment(Finisher).bind(args, cache)
    analyzer = serve.deployment(PromptAnalyzer).bind(args, (model,))
    encoder = serve.deployment(TextEncoder).bind(args) if args.text_encoder == "shared" else None
    shared = (cache, finisher, analyzer, encoder)
    diffusers = {
        pool: serve.deployment(Diffuser, name=_diffuser(pool, model)).bind(args, model, pool, *shared)
        for pool in sorted({model.pool, *args.pools.values()})
    }
    dispatcher = serve.deployment(Dispatcher).bind(args, diffusers)
    router = serve.deployment(serve.ingress()(Router))
    return router.bind(args, (model,), analyzer, cache, dispatcher, finisher)


def _diffuser(pool: str, model: ModelProfile) -> str:
    """The deployment's name in the config file: "Diffuser", and "Diffuser-draft" and so on."""
    return "Diffuser" if pool == model.pool else f"Diffuser-{pool}"
