"""Residual networks for 32x32 images, computed from a file's tensors by the papers' formulas."""

import itertools

import torch
import torch.nn.functional as F  # noqa: N812


def logits(state, x, convolve, classify):
    """What the network of ``state`` makes of images ``x``, in the type of ``x``.

    ``convolve(prefix, x, stride)`` is the layer, or the pair of layers, below ``prefix``;
    ``classify(x)`` makes logits of averages (N, C, 1, 1).
    """

    def norm(name, x):
        mean, variance, weight, bias = (
            state[f"{name}.{part}"].to(x.dtype)[:, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / torch.sqrt(variance + 1e-5) * weight + bias

    def shortcut(name, x, stride):
        found = [key for key in state if key.startswith(f"{name}.downsample.")]
        if not found:
            return x
        (last,) = (key.rpartition(".")[0] for key in found if key.endswith("running_mean"))
        return norm(last, convolve(f"{name}.downsample", x, stride))

    x = torch.relu(norm("bn1", convolve("conv1", x, 1)))
    for stage, block in itertools.product((1, 2, 3), range(3)):
        name = f"layer{stage}.{block}"
        stride = 2 if stage > 1 and block == 0 else 1
        y = torch.relu(norm(f"{name}.bn1", convolve(f"{name}.conv1", x, stride)))
        y = norm(f"{name}.bn2", convolve(f"{name}.conv2", y, 1))
        x = torch.relu(y + shortcut(name, x, stride))
    y = classify(x.mean((2, 3), keepdim=True))
    return norm("bn2", y).flatten(1) if "bn2.weight" in state else y.flatten(1)


def layer(state, prefix):
    """The name of the layer below ``prefix``, or of the first of several."""
    return prefix if f"{prefix}.weight" in state else f"{prefix}.0"


def convolution(x, weight, stride):
    return F.conv2d(x, weight.to(x.dtype), None, stride, weight.shape[2] // 2)


def step(x):
    return torch.where(x > 0, 1.0, 0.0)


def s3(state):
    """``sgn(a) * H(b) * 2^t``, ``t = H(c) * (H(d) + 1)``; the first layer multiplies."""

    def convolve(prefix, x, stride):
        name = layer(state, prefix)
        weight = state[f"{name}.weight"]
        if f"{name}.weight_val" in state:
            b, c, d = (state[f"{name}.weight_{n}"] for n in ("val", "shift", "shift2"))
            sign = torch.where(weight >= 0, 1.0, -1.0)
            weight = sign * step(b) * 2 ** (step(c) * (step(d) + 1))
        return convolution(x, weight, stride)

    return convolve


def denseshift(state):
    """``sgn(s) * 2^t``, ``t = ((H(t1) + 1) * H(t2) + 1) * H(t3)``; the first layer multiplies."""

    def convolve(prefix, x, stride):
        name = layer(state, prefix)
        weight = state[f"{name}.weight"]
        if f"{name}.weight_t1" in state:
            t1, t2, t3 = (step(state[f"{name}.weight_t{n}"]) for n in (1, 2, 3))
            sign = torch.where(weight >= 0, 1.0, -1.0)
            weight = sign * 2 ** (((t1 + 1) * t2 + 1) * t3)
        return convolution(x, weight, stride)

    return convolve


APOT = {
    2: ((1, 2, 3),),
    3: ((1, 2, 4), (3,)),
    4: ((1, 3, 5), (2, 4, 6)),
    5: ((1, 3, 6), (2, 4, 7), (5,)),
}
"""Negated exponents of the terms of a level, by the bits of the level."""


def levels(bits):
    """Of the largest: all sums of at most one power of each term."""
    terms = [(0.0, *(2.0**-e for e in exponents)) for exponents in APOT[bits]]
    sums = torch.tensor(sorted(map(sum, itertools.product(*terms))))
    return sums / sums.max()


def nearest(x, grid):
    return grid[(x.flatten()[:, None] - grid).abs().argmin(1)].view(x.shape)


def apot(state, bits):
    """Normalised weights and clipped inputs to the nearest level; 8 bits in the first layer."""

    def convolve(prefix, x, stride):
        name = layer(state, prefix)
        weight = state[f"{name}.weight"]
        if f"{name}.weight_quant.wgt_alpha" not in state:
            return convolution(x, eight_bits(weight), stride)
        alpha = state[f"{name}.weight_quant.wgt_alpha"]
        share = ((weight - weight.mean()) / weight.std() / alpha).clamp(-1, 1)
        weight = share.sign() * nearest(share.abs(), levels(bits - 1)) * alpha
        if f"{name}.act_alpha" in state:
            bound = state[f"{name}.act_alpha"]
            x = nearest((x / bound).clamp(max=1), levels(bits)) * bound
        return convolution(x, weight, stride)

    return convolve


def eight_bits(weight):
    return (weight / weight.max() * 127).round() / 127 * weight.max()


def fixed_shift_add(state):
    """Inputs to multiples of 2^-15, weights as they are; an adder behind all but the first."""

    def fixed(name, x, stride):
        return convolution((x * 2**15).round() / 2**15, state[f"{name}.weight"], stride)

    def convolve(prefix, x, stride):
        x = fixed(layer(state, prefix), x, stride)
        return adder(x, state[f"{prefix}.1.adder"]) if f"{prefix}.1.adder" in state else x

    return convolve


def adder(x, weight):
    size = weight.shape[2]
    columns = F.unfold(x, size, padding=size // 2)
    distances = [(columns - filter.flatten()[:, None]).abs().sum(1) for filter in weight]
    return -torch.stack(distances, 1).view(len(x), -1, *x.shape[2:])
