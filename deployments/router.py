"""Router: HTTP comes in, the service's story is told with Redis and handles behind its ports."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ray.serve.handle import DeploymentHandle

from app.settings import Settings
from app.types import ModelProfile
from deployments.observed import observe

if TYPE_CHECKING:
    from fastapi import FastAPI


class Router:
    """Holds nothing: any replica can answer anything."""

    def __init__(
        self,
        settings: Settings,
        models: tuple[ModelProfile, ...],
        analyzer: DeploymentHandle[Any],
        cache: DeploymentHandle[Any],
        dispatcher: DeploymentHandle[Any],
        finisher: DeploymentHandle[Any],
    ) -> None:
        from deployments.front import open_front  # here: whoever builds the application needs this class alone

        observe(settings)
        self._app = open_front(settings, models, analyzer, cache, dispatcher, finisher)

    def __serve_build_asgi_app__(self) -> FastAPI:
        return self._app
