from __future__ import annotations

from tests.artifacts.s3_server import s3, s3_environment, s3_process

__all__ = ["s3", "s3_environment", "s3_process"]
