"""A gate of the integer graph: values, intervals, files, and the thresholds it is given."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from slipstick.config import Config
from slipstick.errors import SlipstickError
from slipstick.frontend import export_module, import_program, run_float
from slipstick.graph import Affine, Gate, Graph, Input, Pool, Window, load, run, save
from slipstick.graph.infer import infer
from slipstick.nn import GatedExcitation, PowerOfTwoGate
from slipstick.nn.gate_ops import gate_limits
from slipstick.quantise import quantise, quantise_input


def gated_by_maximum(lo, hi, thresholds, height=3, width=2, channels=5):
    """Each channel, gated by its own largest value."""
    whole = Window((height, width), (height, width))
    nodes = (
        Input("input", (), (channels, height, width), 2, lo, hi),
        Pool("most", ("input",), "max", whole),
        Gate("gate", ("input", "most"), np.array(thresholds, np.int64)),
    )
    return Graph(nodes, "gate")


falling = st.lists(st.integers(-10, 10), min_size=1, max_size=9).map(
    lambda values: sorted(values, reverse=True)
)


@given(falling, st.integers(0, 999))
def test_every_channel_is_shifted_by_its_logit(thresholds, seed):
    graph = gated_by_maximum(-8, 7, thresholds)
    frames = np.random.default_rng(seed).integers(-8, 8, (6, 5, 3, 2))
    # The ends of the interval, and frames of small maximum.
    frames[0], frames[1], frames[2:4] = -8, 7, np.minimum(frames[2:4], -3)
    found = run(graph, torch.from_numpy(frames))["gate"].numpy()
    for frame, channel in np.ndindex(6, 5):
        above = sum(threshold > frames[frame, channel].max() for threshold in thresholds)
        expected = frames[frame, channel] << (len(thresholds) - above)
        assert (found[frame, channel] == expected).all()
    tensor = graph.tensors["gate"]
    assert tensor.frac == 2 + len(thresholds)
    assert (found >= tensor.lo[:, None, None]).all()
    assert (found <= tensor.hi[:, None, None]).all()


@given(falling, st.integers(-9, 9), st.integers(0, 5), st.integers(-9, 9), st.integers(0, 5))
def test_intervals_are_reached(thresholds, x_lo, x_more, z_lo, z_more):
    x = infer(Input("x", (), (1, 4, 4), 0, x_lo, x_lo + x_more))
    z = infer(Input("z", (), (1, 1, 1), 0, z_lo, z_lo + z_more))
    tensor = infer(Gate("gate", ("x", "z"), np.array(thresholds)), x, z)
    values = [
        value << sum(logit >= threshold for threshold in thresholds)
        for value in range(x_lo, x_lo + x_more + 1)
        for logit in range(z_lo, z_lo + z_more + 1)
    ]
    assert (tensor.lo.item(), tensor.hi.item()) == (min(values), max(values))


def test_gate_is_saved_and_loaded(tmp_path):
    graph = gated_by_maximum(-8, 7, [5, 2, 2, -4])
    save(graph, tmp_path)
    loaded = load(tmp_path)
    assert isinstance(loaded["gate"], Gate)
    assert loaded["gate"].inputs == ("input", "most")
    assert loaded["gate"].thresholds.tolist() == [5, 2, 2, -4]
    frames = torch.randint(-8, 8, (2, 5, 3, 2))
    assert torch.equal(run(loaded, frames)["gate"], run(graph, frames)["gate"])


def test_logits_of_another_shape_are_refused():
    nodes = (
        Input("input", (), (5, 3, 2), 2, 0, 7),
        Gate("gate", ("input", "input"), np.zeros(1, np.int64)),
    )
    with pytest.raises(SlipstickError, match=r"'gate': gates shape \(5, 3, 2\) by logits of shape"):
        Graph(nodes, "gate").tensors  # noqa: B018  computes them


class Gating(nn.Module):
    """A gate whose logits are a convolution's means, without anything learnt on the way."""

    def __init__(self, channels=6, levels=8):
        super().__init__()
        self.conv = nn.Conv2d(3, channels, 3)
        self.fc = nn.Linear(channels, channels)
        self.gate = PowerOfTwoGate(levels)

    def forward(self, x):
        y = self.conv(x)
        return self.gate(y, self.fc(y.mean((2, 3))))


def quantised(model, images, **options):
    source = import_program(export_module(model, images[:2]))
    config = Config.model_validate({"quantise": options})
    return source, quantise(source, images, config)


def spreading(model, images):
    """``model`` with logits that spread over all limits and further, in every channel."""
    with torch.no_grad():
        logits = model.fc(model.conv(images).mean((2, 3)))
        scale = 4 / logits.std(0)
        model.fc.weight.mul_(scale[:, None])
        model.fc.bias.copy_((model.fc.bias - logits.mean(0)) * scale - 2)
    return model.eval()


def test_thresholds_decide_as_the_limits_do():
    torch.manual_seed(1)
    images = torch.randn(64, 3, 9, 8)
    model = spreading(Gating(), images)
    source, graph = quantised(model, images)
    gate = graph["gate"]
    logits = graph.tensors[gate.inputs[1]]
    limits = np.array(gate_limits(8))
    for value in range(int(logits.lo.min()), int(logits.hi.max()) + 1):
        real = value * 2.0**-logits.frac
        assert (value < gate.thresholds).tolist() == (real < limits).tolist()
    # Eight bits cover the outermost limits in steps of a sixteenth, however large logits are.
    assert logits.frac == 4
    assert logits.lo.min() <= gate.thresholds[-1] - 1
    assert logits.hi.max() >= gate.thresholds[0]
    assert isinstance(graph["gate.affine"], Affine)
    exact = run_float(source, images)["gate"]
    made = run(graph, quantise_input(graph, images))[graph.output]
    error = made * 2.0 ** -graph.tensors[graph.output].frac - exact
    assert error.square().mean() < 5e-3 * exact.square().mean()
    # Rounded means and logits fall on the other side of a limit now and then.
    assert disagreement(source, graph, images) < 0.1


def disagreement(source, graph, images):
    """Share of the values whose gates differ between the float and the integer network."""
    exact = run_float(source, images)
    values = run(graph, quantise_input(graph, images))
    x = values[graph["gate"].inputs[0]]
    wanted = 7 + torch.log2(exact["gate"] / exact["conv"]).round()
    assert set(wanted.unique().tolist()) == set(range(8))
    return (torch.log2(values["gate"] / x) != wanted)[x != 0].double().mean()


def test_finer_logits_agree_more_often():
    torch.manual_seed(1)
    images = torch.randn(64, 3, 9, 8)
    model = spreading(Gating(), images)
    coarse, fine = (
        disagreement(*quantised(model, images, activation_bits=bits), images) for bits in (5, 10)
    )
    assert fine < coarse / 4


@pytest.mark.parametrize("offset", [-1e12, 1e12])
def test_logits_beyond_all_limits_make_a_constant_gate(offset):
    torch.manual_seed(2)
    images = torch.randn(8, 3, 9, 8)
    model = Gating(4, 3).eval()
    with torch.no_grad():
        model.fc.bias.fill_(offset)
    _, graph = quantised(model, images)
    values = run(graph, quantise_input(graph, images))
    x = values[graph["gate"].inputs[0]]
    assert torch.equal(values["gate"], x << (0 if offset < 0 else 2))


def test_excitation_is_named_after_its_modules():
    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 1)
            self.se = GatedExcitation(4, 2)

        def forward(self, x):
            return self.se(torch.relu(self.conv(x)))

    torch.manual_seed(0)
    _, graph = quantised(Model().eval(), torch.randn(4, 3, 5, 5))
    names = [node.name for node in graph.nodes if node.name.startswith("se.")]
    made = "mean mean.affine fc1 fc1.affine fc2 fc2.affine gate gate.affine"
    assert [name for name in names if "flatten" not in name] == [f"se.{n}" for n in made.split()]
