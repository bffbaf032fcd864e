"""Kinoray: self-hosted text-to-video, everything below the deployments and free of Ray."""

__version__ = "0.3.0"
"""The one place that says it: the package, the API, the caches' keys and the image take it from here."""
