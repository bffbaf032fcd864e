"""Reads the half of a MiniMax-H3 repository that refers to pictures."""

from __future__ import annotations

from app.engine.families.minimax_h3.load import HALVES, H3Reader
from app.engine.families.minimax_h3.pictures import References


class ReferencesReader(H3Reader):
    """See H3Reader."""

    transformer = HALVES[1]
    pictures = References


READER = ReferencesReader(__name__)
