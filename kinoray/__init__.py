"""What a Python program imports of Kinoray: the client, its records, its error; no torch, no Ray.

async with Kinoray("http://127.0.0.1:8000") as kinoray:
    video = await kinoray.create("a red ball bounces on sand")
"""

from __future__ import annotations

from app import __version__
from app.client import Health, Kinoray, KinorayClientError, Video, VideoEvent, VideoPage
from app.client.options import CacheOptions, StyleOptions, VideoOptions, WebhookOptions
from app.client.records import (
    CacheUse,
    Failure,
    KnownWord,
    Optimization,
    RecommendedStyle,
    Style,
    Understood,
    VideoWarning,
)
from app.client.report import VideoReport

__all__ = [
    "CacheOptions",
    "CacheUse",
    "Failure",
    "Health",
    "Kinoray",
    "KinorayClientError",
    "KnownWord",
    "Optimization",
    "RecommendedStyle",
    "Style",
    "StyleOptions",
    "Understood",
    "Video",
    "VideoEvent",
    "VideoOptions",
    "VideoPage",
    "VideoReport",
    "VideoWarning",
    "WebhookOptions",
    "__version__",
]
