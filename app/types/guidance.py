"""How guidance goes over a walk, where it is not the same at each step: decided with the plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GuidanceRule:
    """Where on a walk there is guidance, and how the two passes become one; a plan with the usual way has none.

    From `start` on and before `stop`, shares 0..1 of the steps, as diffusers' guiders count them; outside a step is the
    conditional pass alone. Source: Kynkäänniemi et al., arXiv 2404.07724, who find it of use at middle noise alone.
    `zero_star` scales the unconditional velocity to the conditional one first, and the velocity of the first
    `zero_steps` is 0, without a pass. Source: Fan et al., CFG-Zero*, arXiv 2503.18886.
    """

    start: float = 0.0
    stop: float = 1.0
    zero_star: bool = False
    zero_steps: int = 0

    def guides(self, step: int, steps: int) -> bool:
        """Whether a step of so many has guidance."""
        return max(self.zero_steps, int(self.start * steps)) <= step < int(self.stop * steps)
