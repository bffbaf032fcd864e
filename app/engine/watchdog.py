"""The engine's watchdog: is the step under way taking too long? Read by the health check, from any thread."""

from __future__ import annotations

from app.line.rules import Rules


class Watchdog:
    """One step at a time. The engine's thread writes, others read; a step is one tuple, so no lock is needed."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._step: tuple[float, float] | None = None  # when it began, how long it may take

    def begin(self, now: float, expected_s: float) -> None:
        """A step begins; 0 expected seconds: nobody knows."""
        self._step = (now, self.allowed_s(expected_s))

    def end(self) -> None:
        """The step is over."""
        self._step = None

    def allowed_s(self, expected_s: float) -> float:
        """How long such a step may take."""
        if expected_s <= 0:
            return max(self._rules.stuck_s, self._rules.stuck_first_s)
        return max(self._rules.stuck_s, self._rules.stuck_times * expected_s)

    def stuck_s(self, now: float) -> float:
        """For how long the step under way has been stuck; 0 when it is not."""
        step = self._step
        return 0.0 if step is None else max(0.0, now - step[0] - step[1])
