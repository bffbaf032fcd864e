"""One validated Settings, from environment and config file, passed down to everyone."""

from app.settings.settings import Settings

__all__ = ["Settings"]
