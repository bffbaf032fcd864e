"""The one real Kinoray that these tests share."""

from tests.served import client, openai, service, shared_ray

__all__ = ["client", "openai", "service", "shared_ray"]
