"""What is wrong with what an operator gave a simulation: one sentence, which names the file or option."""

from __future__ import annotations


class CannotSimulate(ValueError):
    """The message is a whole sentence for the operator."""
