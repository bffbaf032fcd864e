"""Builds the application: settings in, bound deployments out. `serve_config.yaml` names `deployments.build:build`."""

# No `from __future__ import annotations` here: Ray reads the real annotation of `build` to validate `args`.
from ray import serve
from ray.serve import Application

from app.embedded.profile import profile
from app.settings import Settings
from deployments.analyzer import PromptAnalyzer
from deployments.cache import Cache
from deployments.diffuser import Diffuser
from deployments.dispatcher import Dispatcher
from deployments.finisher import Finisher
from deployments.router import Router


def build(args: Settings) -> Application:
    """The six deployments. Options (replicas, resources, timeouts) are the config file's, not this function's."""
    model = profile()
    cache = serve.deployment(Cache).bind(args)
    finisher = serve.deployment(Finisher).bind(args, cache)
    diffuser = serve.deployment(Diffuser).bind(args, model, cache, finisher)
    dispatcher = serve.deployment(Dispatcher).bind(args, {model.pool: diffuser})
    analyzer = serve.deployment(PromptAnalyzer).bind(args, (model,))
    router = serve.deployment(serve.ingress()(Router))
    return router.bind(args, (model,), analyzer, cache, dispatcher, finisher)
