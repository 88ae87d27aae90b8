"""BatchNorms whose scales become powers of two by fine-tuning: their hardware is one shift.

`freeze_norms` before a short training and `plain_norms` behind it: a compiler that is allowed one
signed power of two a channel then changes no scale.
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

Norm = nn.BatchNorm1d | nn.BatchNorm2d


class NearestPower(torch.autograd.Function):
    """`nearest_power`, through which gradients pass straight."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return nearest_power(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return gradients[0]


def nearest_power(x: Tensor) -> Tensor:
    """``sign(x) * 2^round_half_even(log2 |x|)``, exact signed powers of two; zero stays zero."""
    return torch.exp2(torch.round(torch.log2(x.abs()))) * torch.sign(x)


class PowerOfTwoNorm(nn.Module):
    """A trained BatchNorm with its statistics fixed and its scale rounded to a power of two.

    ``y = (x - mean) * nearest_power(gamma / sigma) + beta``: at the mean of each channel, rounding
    changes nothing. ``gamma`` and ``beta`` are trained on; ``gamma`` as if nothing were rounded.

    Parameters
    ----------
    norm : the BatchNorm, with running statistics; it is left as it is.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, norm: _BatchNorm) -> None:
        super().__init__()
        if norm.running_mean is None or norm.running_var is None:
            raise ValueError(f"BatchNorm must have running statistics, not {norm!r}")
        self.plain_type = nn.BatchNorm1d if isinstance(norm, nn.BatchNorm1d) else nn.BatchNorm2d
        self.register_buffer("mean", norm.running_mean.detach().clone())
        self.register_buffer("deviation", torch.sqrt(norm.running_var + norm.eps).detach())
        one, zero = torch.ones_like(self.mean), torch.zeros_like(self.mean)
        self.weight = nn.Parameter(one if norm.weight is None else norm.weight.detach().clone())
        self.bias = nn.Parameter(zero if norm.bias is None else norm.bias.detach().clone())
        self.train(norm.training)

    def scale(self) -> Tensor:
        """``(C,)``, signed powers of two."""
        scale: Tensor = NearestPower.apply(self.weight / self.deviation)
        return scale

    def forward(self, x: Tensor) -> Tensor:
        one = torch.ones_like(self.mean)
        return F.batch_norm(x, self.mean, one, self.scale(), self.bias, eps=0.0)

    def plain(self) -> Norm:
        """The BatchNorm that does the same: variance 1 and no epsilon, so that gamma is exact."""
        norm = self.plain_type(len(self.mean), eps=0.0)
        norm = norm.to(self.mean.device, self.mean.dtype).train(self.training)
        with torch.no_grad():
            for target, source in (
                (norm.running_mean, self.mean),
                (norm.weight, self.scale()),
                (norm.bias, self.bias),
            ):
                assert target is not None
                target.copy_(source)
        return norm


def freeze_norms(module: nn.Module) -> nn.Module:
    """A copy of ``module`` with each BatchNorm as a `PowerOfTwoNorm`, to be fine-tuned."""
    return _replaced(module, _BatchNorm, PowerOfTwoNorm)


def plain_norms(module: nn.Module) -> nn.Module:
    """A copy of ``module`` with each `PowerOfTwoNorm` as a BatchNorm again, to be exported."""
    return _replaced(module, PowerOfTwoNorm, PowerOfTwoNorm.plain)


def _replaced(
    module: nn.Module, kind: type[nn.Module], make: Callable[[Any], nn.Module]
) -> nn.Module:
    result = copy.deepcopy(module)
    if isinstance(result, kind):
        return make(result)
    made: dict[int, nn.Module] = {}
    for name, layer in list(result.named_modules(remove_duplicate=False)):
        if isinstance(layer, kind):
            # A layer that is used at several places stays one layer.
            if id(layer) not in made:
                made[id(layer)] = make(layer)
            result.set_submodule(name, made[id(layer)])
    return result
