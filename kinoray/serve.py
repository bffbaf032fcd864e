"""What a Serve config names: `kinoray.serve:build` and `kinoray.serve.policy`, in a checkout and in a wheel."""

from __future__ import annotations

from deployments.build import build
from deployments.scaling import policy

__all__ = ["build", "policy"]
