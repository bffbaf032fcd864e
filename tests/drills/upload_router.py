"""A Router's application in a process of its own, over a Redis and a folder: what an upload needs of a service."""

from __future__ import annotations

import sys
from dataclasses import replace

import uvicorn

from app.api.app import create_app
from app.artifacts.files import FileArtifacts
from app.redis.connection import connect
from app.service.videos import VideoService
from app.uploads.redis_files import RedisFileUploads
from tests.api.house import MODEL, House


def main(redis_url: str, prefix: str, folder: str, port: str) -> None:
    """Serve until it is killed."""
    house = House(models=(replace(MODEL, takes_image=True),), max_image_pixels=150_000_000)
    uploads, artifacts = RedisFileUploads(connect(redis_url, 5.0), prefix), FileArtifacts(folder)
    ports = replace(house.service.ports, uploads=uploads, artifacts=artifacts)
    app = create_app(VideoService(ports, house.settings), house.settings, {}, access=house.access)
    uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
