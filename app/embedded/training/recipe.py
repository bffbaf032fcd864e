"""How the built-in model is made: every number of the training in one record, and how long it may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Sizes, data and optimisation of one training run; written into the run's folder and compared on resume.

    Shares: of clips with two subjects, of those with their relation said, of the others with two or three alike; of
    batches whose first frame is given, and of the clips in these whose places are off the lattice.
    """

    seed: int = 0
    picture: int = 128
    spatial: int = 16
    channels: int = 32
    components: int = 192
    width: int = 256
    layers: int = 6
    batch: int = 32
    rate: float = 1e-3
    muon_rate: float = 2e-3
    warmup: int = 200
    shift: float = 12.0
    loss_min_sigma: float = 0.2
    paint_weight: float = 4.0
    drop_prompt: float = 0.1
    two_share: float = 0.5
    related_share: float = 0.4
    counted_share: float = 0.25
    picture_share: float = 0.4
    loose_share: float = 0.25
    tutor: float = 0.2
    pool: int = 2500
    pool_steps: int = 700
    ema: float = 0.998
    short_one_in: int = 8


@dataclass(frozen=True)
class Budget:
    """How long to train, over all resumes: whichever of steps and minutes ends first."""

    steps: int | None = None
    minutes: float | None = None

    def done(self, step: int, spent_s: float) -> float:
        """Share of the budget that is used up, 0..1."""
        by_steps = step / self.steps if self.steps else 0.0
        by_time = spent_s / (60 * self.minutes) if self.minutes else 0.0
        return min(1.0, max(by_steps, by_time))
