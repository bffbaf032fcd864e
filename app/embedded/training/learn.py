"""Teaching the denoiser: flow matching on pools of drawn clips, with checkpoints to resume and averaged weights."""

import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from app.embedded.autoencoder import PAINTS, ShapesAutoencoder
from app.embedded.load import read_transformer
from app.embedded.model import CleanWanTransformer, held
from app.embedded.precision import autocast
from app.embedded.text import TextEncoder
from app.embedded.training.attention import WrittenOutAttention
from app.embedded.training.muon import optimizers, step_all
from app.embedded.training.pools import Pool, make_pool
from app.embedded.training.recipe import Budget, Recipe
from app.embedded.training.tutor import Tutor

CHECKPOINT = "denoiser.pt"
CHECKPOINT_EVERY = 100


@dataclass(slots=True)
class Learner:
    """Everything that changes while training: the weights, their average, the optimizers, how far it is."""

    recipe: Recipe
    model: CleanWanTransformer
    average: CleanWanTransformer
    tutor: Tutor
    optimizers: list[torch.optim.Optimizer]
    device: torch.device
    step: int = 0
    spent_s: float = 0.0
    losses: list[float] = field(default_factory=list)
    lessons: list[float] = field(default_factory=list)

    def state(self) -> dict[str, object]:
        """What a checkpoint holds."""
        return {
            "recipe": asdict(self.recipe),
            "model": self.model.state_dict(),
            "average": self.average.state_dict(),
            "tutor": self.tutor.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "spent_s": self.spent_s,
        }

    def save(self, folder: Path) -> None:
        """Write the checkpoint so that a crash leaves the old one or the new one, never half of one."""
        partial = folder / (CHECKPOINT + ".partial")
        torch.save(self.state(), partial)
        os.replace(partial, folder / CHECKPOINT)

    def restore(self, folder: Path) -> bool:
        """Go on from the folder's checkpoint, if there is one; it must come from the same recipe."""
        path = folder / CHECKPOINT
        if not path.exists():
            return False
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"{path} was made with another recipe: {state['recipe']}")
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.tutor.load_state_dict(state["tutor"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.spent_s = state["step"], state["spent_s"]
        return True


def start(recipe: Recipe, device: torch.device, weights: Path | None = None) -> Learner:
    """A learner at step 0, its weights drawn from the recipe's seed or read from a `weights` folder."""
    torch.manual_seed(recipe.seed)
    sizes = {
        "in_channels": recipe.channels,
        "out_channels": recipe.channels,
        "num_attention_heads": recipe.width // 64,
        "ffn_dim": 4 * recipe.width,
        "num_layers": recipe.layers,
    }
    model, average = CleanWanTransformer(**sizes).to(device), CleanWanTransformer(**sizes).to(device)
    if weights is not None:
        model.load_state_dict(read_transformer(weights / "transformer").state_dict())
    average.load_state_dict(model.state_dict())
    if device.type == "cpu":
        model.set_attn_processor(WrittenOutAttention())
    average.requires_grad_(False)
    tutor = Tutor(model, after_block=(recipe.layers - 1) // 2).to(device)
    both = optimizers(model, recipe.rate, recipe.muon_rate, more=tutor.parameters())
    return Learner(recipe, model, average, tutor, both, device)


def pools(
    recipe: Recipe, autoencoder: ShapesAutoencoder, text_encoder: TextEncoder, step: int
) -> Iterator[tuple[int, Pool]]:
    """The pools from the one that `step` falls in, each with the step at which it ends."""
    while True:
        index = step // recipe.pool_steps
        count = recipe.pool if index else recipe.pool // 2  # an early start
        seed = recipe.seed * 1_000_003 + index + 1
        yield (
            (index + 1) * recipe.pool_steps,
            make_pool(autoencoder, text_encoder, recipe, count, seed),
        )
        step = (index + 1) * recipe.pool_steps


def learn(
    learner: Learner,
    source: Iterator[tuple[int, Pool]],
    empty: Tensor,
    budget: Budget,
    after_step: Callable[[Learner, float], None],
) -> None:
    """Train until the budget is used up; `empty` is the empty prompt's (1, 48, 384), `after_step` is told the share."""
    ends, pool = learner.step, None
    while budget.done(learner.step, learner.spent_s) < 1:
        began = time.monotonic()
        if learner.step >= ends or pool is None:
            ends, pool = next(source)
        done = budget.done(learner.step, learner.spent_s)
        learner.losses.append(train_step(learner, pool, empty, done))
        learner.spent_s += time.monotonic() - began
        after_step(learner, done)


def train_step(learner: Learner, pool: Pool, empty: Tensor, done: float) -> float:
    """One step: a batch, its noise, the velocity's error, the optimizers, the average. Returns the loss."""
    # 1. The batch and its noise; everything random comes from the seed and the step.
    recipe = learner.recipe
    generator = torch.Generator().manual_seed(recipe.seed * 1_000_003 + learner.step)
    given = torch.rand((), generator=generator).item() < recipe.picture_share  # the first frame, as a picture
    clean, text, facts = pool.batch(recipe.batch, generator, given)
    clean = clean[:, :, : _latent_frames(recipe, generator)]
    dropped = torch.rand(recipe.batch, 1, 1, generator=generator) < recipe.drop_prompt
    text = torch.where(dropped, empty, text)
    sigma = draw_sigma(recipe, generator)  # (b, 1, 1, 1, 1)
    noise = torch.randn(clean.shape, generator=generator)
    noisy = (1 - sigma) * clean + sigma * noise
    if given:
        noisy[:, :, 0] = clean[:, :, 0]
    grid = clean.shape[2], clean.shape[3] // 2, clean.shape[4] // 2
    timestep = sigma.flatten() * 1000
    timestep = held(timestep, grid[0], grid[1] * grid[2]) if given else timestep
    # 2. The error of the guessed clean latent, weighted so that it is the velocity's error.
    clean, noisy, sigma, text, timestep = (t.to(learner.device) for t in (clean, noisy, sigma, text, timestep))
    with autocast(learner.device):
        guess = learner.model.estimate(noisy, timestep, text)
    error = ((guess.float() - clean) / sigma.clamp(min=recipe.loss_min_sigma)).square()
    error = error[:, :, 1 if given else 0 :].mean((0, 2, 3, 4))
    weight = torch.ones_like(error)
    weight[:PAINTS] = recipe.paint_weight
    loss = (error * weight).sum() / weight.sum()
    told = ~dropped.flatten().to(learner.device)
    lesson = learner.tutor.loss(facts.to(learner.device), told, grid)
    # 3. The step.
    torch.autograd.backward(loss + recipe.tutor * lesson)
    nn.utils.clip_grad_norm_(learner.model.parameters(), 1.0)
    step_all(learner.optimizers, rate_factor(recipe, learner.step, done))
    # 4. The averaged weights, over a short past at first.
    keep = min(recipe.ema, (1 + learner.step) / (10 + learner.step))
    average, model = list(learner.average.parameters()), list(learner.model.parameters())
    get_ema_multi_avg_fn(keep)(average, model, None)  # type: ignore[no-untyped-call]
    learner.step += 1
    learner.lessons.append(lesson.item())
    return loss.item()


def rate_factor(recipe: Recipe, step: int, done: float) -> float:
    """Share of the peak learning rate: a short rise, then half a cosine down to zero at the end of the budget."""
    return min(1.0, (step + 1) / recipe.warmup) * 0.5 * (1 + math.cos(math.pi * done))


def draw_sigma(recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Noise levels (b, 1, 1, 1, 1): logit-normal, shifted towards noise as sampling's schedule is."""
    even = torch.randn(recipe.batch, 1, 1, 1, 1, generator=generator).sigmoid()
    return recipe.shift * even / (1 + (recipe.shift - 1) * even)


def _latent_frames(recipe: Recipe, generator: torch.Generator) -> int:
    """Mostly the whole clip's 5 latent frames; at times its first 3 or 4, so that shorter videos work too."""
    if torch.randint(recipe.short_one_in, (1,), generator=generator).item():
        return 5
    return 3 + int(torch.randint(2, (1,), generator=generator).item())
