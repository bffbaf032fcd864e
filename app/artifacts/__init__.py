"""Artifacts: videos, thumbnails and spritesheets, immutable once stored."""
