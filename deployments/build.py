"""Builds the application: settings in, bound deployments out. `serve_config.yaml` names `deployments.build:build`."""

# No `from __future__ import annotations` here: Ray reads the real annotation of `build` to validate `args`.
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
    cache = Cache.bind(args)
    finisher = Finisher.bind(args, cache)
    diffuser = Diffuser.bind(args, model, cache, finisher)
    dispatcher = Dispatcher.bind(args, {model.pool: diffuser})
    analyzer = PromptAnalyzer.bind(args, (model,))
    return Router.bind(args, (model,), analyzer, cache, dispatcher, finisher)
