"""The one real Kinoray that these tests share."""

from tests.served import client, openai, service

__all__ = ["client", "openai", "service"]
