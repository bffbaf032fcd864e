import torch
from torch import nn

from app.embedded.training.muon import Muon, orthogonal


def test_it_moves_as_torchs_own_does() -> None:
    torch.manual_seed(0)
    ours = [nn.Parameter(torch.randn(16, 8)), nn.Parameter(torch.randn(8, 8)), nn.Parameter(torch.randn(4, 8))]
    theirs = [nn.Parameter(weight.detach().clone()) for weight in ours]
    mine = Muon(ours, lr=0.01)
    reference = torch.optim.Muon(theirs, lr=0.01, weight_decay=0.01, adjust_lr_fn="match_rms_adamw")
    for _ in range(3):
        for one, other in zip(ours, theirs, strict=True):
            one.grad = torch.randn_like(one)
            other.grad = one.grad.clone()
        mine.step()
        reference.step()  # type: ignore[no-untyped-call]
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=2e-3, rtol=2e-2)  # the reference works in bfloat16


def test_singular_values_come_near_one() -> None:
    torch.manual_seed(0)
    values = torch.linalg.svdvals(orthogonal(torch.randn(3, 12, 20)))
    assert values.min() > 0.5
    assert values.max() < 1.5
