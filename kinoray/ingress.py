"""What Serve's proxy is told to call before it listens: `kinoray.ingress:guard_proxy`, in a checkout and in a wheel."""

from __future__ import annotations

from app.ingress.install import guard_proxy

__all__ = ["guard_proxy"]
