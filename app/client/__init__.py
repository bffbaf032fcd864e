"""The Python client and the `kinoray` command."""

from __future__ import annotations

from app.client.client import Kinoray
from app.client.errors import KinorayClientError
from app.client.records import Health, Video, VideoEvent, VideoPage

__all__ = ["Health", "Kinoray", "KinorayClientError", "Video", "VideoEvent", "VideoPage"]
