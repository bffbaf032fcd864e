"""What an address takes: HEAD wherever GET is, an answer to OPTIONS, and `Allow` with every method of the address."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute, Match, Mount

METHODS = ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
FILES = ("GET", "HEAD")  # what a folder of files takes


def answer_head(routes: Sequence[BaseRoute]) -> list[BaseRoute]:
    """Routes for HEAD beside those for GET, which the document does not show; the server leaves the body out."""
    return [
        APIRoute(
            route.path,
            route.endpoint,
            methods=["HEAD"],
            response_model=route.response_model,
            response_class=route.response_class,
            include_in_schema=False,
        )
        for route in routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ())
    ]


def allowed(request: Request) -> str:
    """The value of `Allow` for the address that was asked."""
    asked = {**request.scope, "root_path": request.scope.get("app_root_path", request.scope.get("root_path", ""))}
    found = {"OPTIONS"}
    path = request.scope["path"].removeprefix(asked["root_path"])
    if (named := request.app.openapi()["paths"].get(path)) is not None:  # as /v1/videos/sync, which is no video's id
        found |= {method.upper() for method in named}
        return ", ".join(sorted(found | {"HEAD"} if "GET" in found else found))
    for route in request.app.routes:
        for method in FILES if isinstance(route, Mount) else METHODS:
            if route.matches({**asked, "method": method})[0] is Match.FULL:
                found.add(method)
    return ", ".join(sorted(found))
