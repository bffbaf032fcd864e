"""Who is notified: the addresses of the settings come in, and go out by names that may be written down."""

from __future__ import annotations

import hashlib

from app.settings import Settings


def receivers_of(settings: Settings) -> dict[str, str]:
    """Addresses by a digest of each, which is what the stores know of them: an address of Slack's is a secret."""
    urls = [url.get_secret_value() for url in settings.notify_urls]
    return {hashlib.sha256(url.encode()).hexdigest()[:12]: url for url in urls}
