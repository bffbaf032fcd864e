"""What pyproject.toml cannot say: that a wheel keeps all of Kinoray inside the one package `kinoray`."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))

from cluster.wheel import COMMANDS, layout  # noqa: E402

if __name__ == "__main__":
    packages, folders = layout(ROOT)
    setup(packages=packages, package_dir=folders, cmdclass=COMMANDS)
