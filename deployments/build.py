"""Builds the application: settings in, bound deployments out. A Serve config names it `kinoray.serve:build`."""

# No `from __future__ import annotations` here: Ray reads the real annotation of `build` to validate `args`.
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.config import RequestRouterConfig

from app.models.pool_names import deployment_of, shares_encoder
from app.models.served import served
from app.settings import Settings
from app.stores import redis_url_of
from deployments import scaling
from deployments.analyzer import PromptAnalyzer
from deployments.cache import Cache
from deployments.diffuser import Diffuser
from deployments.dispatcher import Dispatcher
from deployments.encoder import TextEncoder
from deployments.finisher import Finisher
from deployments.router import Router

LEAST_BUSY = RequestRouterConfig(request_router_class="deployments.least_busy.LeastBusy")


def build(args: Settings) -> Application:
    """The six deployments: a Diffuser for each pool, which serves one model; and a TextEncoder for each model whose
    replicas share one.

    Replicas and resources are the config file's, a row for each pool.

    Raises:
        BadModel: an entry of `models` cannot be served; the message names it.
        ServiceUnavailable: no Redis is named; said here once, or each deployment would say it by a traceback.
    """
    redis_url_of(args)
    models = served(args)
    args = args.model_copy(update={"pools": {**models.tiers, **args.pools}})
    cache = serve.deployment(Cache).bind(args)
    finisher = serve.deployment(Finisher).bind(args, cache)
    analyzer = serve.deployment(PromptAnalyzer).bind(args, models.profiles)
    encoders = {
        model.id: serve.deployment(TextEncoder, name=deployment_of(model.pool, "TextEncoder")).bind(
            args, entry, tuple(pool for pool, (served_by, _) in models.pools.items() if served_by.id == model.id)
        )
        for model, entry in models.pools.values()
        if shares_encoder(entry, args)
    }
    diffusers = {
        pool: serve.deployment(
            Diffuser, name=deployment_of(pool), request_router_config=LEAST_BUSY, **_scaled(args, pool)
        ).bind(args, model, entry, pool, cache, finisher, analyzer, encoders.get(model.id))
        for pool, (model, entry) in models.pools.items()
    }
    if unknown := set(args.replicas) - set(diffusers):
        raise ValueError(f"`replicas` names pools that no tier uses: {', '.join(sorted(unknown))}")
    several: dict[str, Any] = {"num_replicas": args.dispatchers}
    watched = {"autoscaling_config": scaling.dispatchers(args.dispatchers)} if args.replicas else several
    dispatcher = serve.deployment(Dispatcher, **watched).bind(args, diffusers)
    router = serve.deployment(serve.ingress()(Router))
    return router.bind(args, models.profiles, analyzer, cache, dispatcher, finisher)


def _scaled(args: Settings, pool: str) -> dict[str, Any]:
    """Calls enough for all that a replica holds, where the config says nothing; and bounds, of a pool that scales."""
    room = {"max_ongoing_requests": args.slots + args.max_paused}
    return room | ({"autoscaling_config": scaling.bounds(*args.replicas[pool])} if pool in args.replicas else {})
