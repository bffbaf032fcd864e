"""Muon for the denoiser's matrices in the precision the processor is fast in; torch's own always works in bfloat16."""

from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from app.embedded.precision import native_bfloat16

_QUINTIC = (3.4445, -4.7750, 2.0315)
_STEPS = 5


class Muon(torch.optim.Optimizer):
    """Momentum whose update is made orthogonal by Newton-Schulz steps, matrices of one shape together.

    "Muon: An optimizer for hidden layers in neural networks" (Jordan et al., 2024); rates are scaled to AdamW's as in
    "Muon is Scalable for LLM Training" (2025). Equal to `torch.optim.Muon` with `match_rms_adamw` up to rounding.
    """

    def __init__(
        self, weights: Iterable[nn.Parameter], lr: float, weight_decay: float = 0.01, momentum: float = 0.95
    ) -> None:
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Move every matrix that has a gradient."""
        for group in self.param_groups:
            shapes: dict[torch.Size, list[nn.Parameter]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes[weight.shape].append(weight)
            for weights in shapes.values():
                self._move(weights, group["lr"], group["weight_decay"], group["momentum"])

    def _move(self, weights: list[nn.Parameter], rate: float, decay: float, momentum: float) -> None:
        updates = []
        for weight in weights:
            gradient = weight.grad
            assert gradient is not None
            past = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
            past.lerp_(gradient, 1 - momentum)
            updates.append(gradient.lerp(past, momentum))
        turned = orthogonal(torch.stack(updates))
        scale: float = 0.2 * max(weights[0].shape) ** 0.5
        for weight, update in zip(weights, turned, strict=True):
            weight.mul_(1 - rate * decay).add_(update, alpha=-rate * scale)


def optimizers(
    network: nn.Module, rate: float, muon_rate: float, more: Iterable[nn.Parameter] = ()
) -> list[torch.optim.Optimizer]:
    """Muon for the matrices in a network's `blocks`, AdamW for its rest and for `more`, or for all at a Muon rate of 0.

    Each group remembers its rate as "peak", for a schedule.
    """
    matrices: list[nn.Parameter] = []
    others: list[nn.Parameter] = list(more)
    for name, weight in network.named_parameters():
        in_blocks = ".blocks." in f".{name}" and weight.ndim == 2 and muon_rate > 0
        (matrices if in_blocks else others).append(weight)
    made: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)]
    if matrices:
        made.append(Muon(matrices, lr=muon_rate))
    for optimizer in made:
        for group in optimizer.param_groups:
            group["peak"] = group["lr"]
    return made


def step_all(optimizers: Iterable[torch.optim.Optimizer], factor: float) -> None:
    """Move all weights by their gradients at `factor` of the peak rates, and forget the gradients."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)


def orthogonal(stack: Tensor) -> Tensor:
    """The matrices (n, rows, columns), each with its singular values brought near one."""
    x = stack.bfloat16() if native_bfloat16(stack.device) else stack
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=1e-7)
    a, b, c = _QUINTIC
    for _ in range(_STEPS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(stack.dtype)
