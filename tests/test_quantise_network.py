"""Trained networks to integer graphs: what each layer becomes, and how near it stays."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from quantising import FINE, SIZE, config, error, images_like, lowered, trained_like
from torch import nn

from slipstick.calibration import stand_in_frames
from slipstick.config import Config, LayerOptions
from slipstick.errors import SlipstickError
from slipstick.frontend import export_module, import_program, run_float
from slipstick.graph import (
    Add,
    Affine,
    Argmax,
    Concat,
    Input,
    L1Matmul,
    Pool,
    ShiftMatmul,
    load,
    run,
    save,
)
from slipstick.graph.execute import execute
from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d, ShiftLinear
from slipstick.quantise import (
    float_accuracy,
    integer_accuracy,
    quantise,
    quantise_input,
    saturations,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


class Residual(nn.Module):
    """Every kind of node: stem, residual, downsampling, concat, pools, BN of a vector."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, 4, 3, padding=1)
        self.bn0 = nn.BatchNorm2d(4)
        self.conv1 = ShiftConv2d(4, 8, 3, stride=2, padding=1, bias=True)
        self.conv2 = AdderConv2d(8, 8, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(8)
        self.down = nn.Conv2d(4, 8, 1, stride=2, bias=False)
        self.down_bn = nn.BatchNorm2d(8)
        self.pool = nn.AvgPool2d(3, stride=3)
        self.most = nn.MaxPool2d(3, stride=3)
        self.bn3 = nn.BatchNorm1d(64)
        self.fc = ShiftLinear(64, 12)
        self.head = AdderLinear(12, 5)
        self.bn4 = nn.BatchNorm1d(5)

    def forward(self, x):
        x = F.relu(self.bn0(self.stem(x)))
        y = self.bn2(self.conv2(F.relu6(self.conv1(x))))
        y = F.relu(y + self.down_bn(self.down(x)))
        y = self.bn3(torch.cat([self.pool(y), self.most(y)], 1).flatten(1))
        return self.bn4(self.head(self.fc(y)))


def test_everything_stays_near():
    source, graph, images = lowered(Residual())
    assert error(source, graph, images) < 0.25
    fine = quantise(source, images, FINE)
    assert error(source, fine, images) < 0.01


def test_names_and_order():
    _, graph, _ = lowered(Residual())
    assert [node.name for node in graph.nodes] == [
        *("input", "stem", "stem.affine", "conv1", "conv1.affine", "conv2", "conv2.affine"),
        *("down", "down.affine", "add", "add.affine", "pool", "pool.affine", "most", "cat"),
        *(["cat.affine"] if "cat.affine" in graph.tensors else []),
        *("flatten", "bn3", "fc", "fc.affine", "head", "head.affine"),
    ]
    assert graph.output == "head.affine"


def assert_within_intervals(graph, frames):
    for name, value in run(graph, frames).items():
        tensor = graph.tensors[name]
        low = torch.from_numpy(tensor.lo)[:, None, None]
        high = torch.from_numpy(tensor.hi)[:, None, None]
        assert ((low <= value) & (value <= high)).all(), name
        assert value.shape[1:] == tensor.shape


@pytest.mark.parametrize("seed", range(3))
def test_intervals_hold_for_any_input(seed):
    torch.manual_seed(seed)
    _, graph, _ = lowered(Residual(), signed=seed == 1, settings=config(activation_bits=4 + seed))
    node = graph.input
    assert_within_intervals(graph, torch.randint(node.lo, node.hi + 1, (20, *SIZE)))
    ends = torch.tensor([node.lo, node.hi])
    assert_within_intervals(graph, ends[torch.randint(0, 2, (20, *SIZE))])


def test_saved_graph_executes_equal(tmp_path):
    _, graph, images = lowered(Residual())
    frames = quantise_input(graph, images)
    save(graph, tmp_path)
    again = run(load(tmp_path), frames)
    for name, value in run(graph, frames).items():
        assert torch.equal(value, again[name])


def test_quantising_twice_is_the_same(tmp_path):
    source, graph, images = lowered(Residual())
    save(graph, tmp_path / "a")
    save(quantise(source, images, Config()), tmp_path / "b")
    for name in ("graph.json", "arrays.npz"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_widths():
    _, graph, _ = lowered(Residual(), settings=config(activation_bits=5, output_bits=9))
    for node in graph.nodes:
        if isinstance(node, Affine | Input):
            wanted = 9 if node.name == graph.output else 5
            assert graph.tensors[node.name].width <= wanted


def test_width_of_one_layer():
    options = {"conv1": LayerOptions(activation_bits=3), "bn2": LayerOptions(activation_bits=12)}
    _, graph, _ = lowered(Residual(), settings=config(options))
    assert graph.tensors["conv1.affine"].width <= 3
    assert 8 < graph.tensors["conv2.affine"].width <= 12
    assert graph.tensors["stem.affine"].width <= 8


# Input


@pytest.mark.parametrize(
    ("images", "frac", "bounds"),
    [
        (torch.arange(256).view(1, 1, 16, 16) / 256, 8, (0, 255)),
        (torch.arange(256).view(1, 1, 16, 16) / 255, 8, (0, 255)),
        (torch.arange(-128, 128).view(1, 1, 16, 16) / 128, 7, (-128, 127)),
        (torch.arange(256).view(1, 1, 16, 16) * 1.0, 0, (0, 255)),
        (torch.zeros(1, 1, 16, 16), 7, (0, 255)),
    ],
)
def test_input_grid(images, frac, bounds):
    source = import_program(export_module(nn.Conv2d(1, 1, 1), images))
    graph = quantise(source, images, Config())
    assert graph.input.frac == frac
    assert (graph.input.lo, graph.input.hi) == bounds
    error = quantise_input(graph, images).double() * 2.0**-frac - images
    assert error.abs().max() <= (2.0**-8 if frac == 8 else 0)


def test_input_is_rounded_half_up_and_saturates():
    source = import_program(export_module(nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 1, 1)))
    graph = quantise(source, torch.arange(256).view(-1, 1, 1, 1) / 256, Config())
    values = torch.tensor([0.5, 0.49, 1.5, -3, 300]).view(-1, 1, 1, 1) / 256
    assert quantise_input(graph, values).flatten().tolist() == [1, 0, 2, 0, 255]


def test_vectors():
    source = import_program(export_module(AdderLinear(6, 3), torch.rand(2, 6)))
    graph = quantise(source, torch.rand(9, 6), Config())
    assert quantise_input(graph, torch.rand(4, 6)).shape == (4, 6, 1, 1)


@pytest.mark.parametrize("sample", [None, torch.rand(2, 6)])
def test_vectors_without_calibration_images(sample):
    source = import_program(export_module(AdderLinear(6, 3), torch.rand(2, 6)))
    frames = stand_in_frames(sample, source.input.shape)
    assert quantise(source, frames.images, Config()).input.shape == (6, 1, 1)


# Layers with weights


def test_shift_weights_are_exact_single_terms():
    layer = ShiftConv2d(1, 6, 3, weight_bits=5)
    source, graph, _ = lowered(layer)
    (name,) = [node.name for node in graph.nodes if isinstance(node, ShiftMatmul)]
    node = graph[name]
    assert node.exponent.shape[0] == 1
    assert node.exponent.min() == 0
    expected = source[name].weight.numpy()
    np.testing.assert_array_equal(node.weight * 2.0**-node.weight_frac, expected)


def test_ordinary_weights():
    source, graph, _ = lowered(nn.Sequential(nn.Conv2d(1, 6, 3)))
    node = graph["0"]
    assert 1 < node.exponent.shape[0] <= 4
    assert np.abs(node.weight).max() <= 128
    step = 2.0**-node.weight_frac
    weight = source["0"].weight.numpy()
    assert np.abs(node.weight * step - weight).max() <= step


def test_promised_powers_of_two():
    module = nn.Sequential(nn.Conv2d(1, 2, 2))
    powers = torch.tensor([[1.0, -0.5, 0, 2**-9], [-4, 8, 0.25, 1]])
    module[0].weight.data = powers.view(2, 1, 2, 2)
    settings = config({"0": LayerOptions(weights="power-of-two")})
    _, graph, _ = lowered(module, settings=settings)
    node = graph["0"]
    assert node.exponent.shape[0] == 1
    assert (node.weight.ravel() * 2.0**-node.weight_frac == powers.numpy().ravel()).all()


def test_broken_promise():
    settings = config({"0": LayerOptions(weights="power-of-two")})
    with pytest.raises(SlipstickError, match="Layer '0': weights must be 0 or a signed power"):
        lowered(nn.Sequential(nn.Conv2d(1, 2, 3)), settings=settings)


@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("groups", [1, 2])
def test_clipped_adder_weights_are_lossless(padding, groups):
    """Equal to the unclipped weights, bit for bit, on inputs over the whole interval."""
    layer = AdderConv2d(4, 6, 3, padding=padding, groups=groups)
    layer.adder.data.mul_(20)
    source, graph, _ = lowered(nn.Sequential(layer), (4, 6, 6), signed=padding == 1)
    node = graph["0"]
    tensor = graph.tensors["input"]
    assert node.weight.min() >= min(tensor.lo.min(), 0)
    assert node.weight.max() <= tensor.hi.max()
    weight = np.floor(source["0"].weight.numpy().astype(float) * 2.0**tensor.frac + 0.5)
    assert (weight != node.weight).any()
    frames = torch.randint(graph.input.lo, graph.input.hi + 1, (8, 4, 6, 6))
    zero = np.zeros_like(node.bias)
    wide = L1Matmul("0", ("input",), weight.astype(np.int64), zero, node.window, groups)
    assert torch.equal(execute(node, frames), execute(wide, frames))


def test_a_bias_is_added_by_the_affine():
    module = nn.Sequential(nn.Conv2d(1, 3, 1), nn.ReLU())
    module[0].bias.data = torch.tensor([0.3, -0.2, 1.7])
    source, graph, images = lowered(module)
    assert not graph["0"].bias.any()
    assert error(source, graph, images) < 0.02


def test_exploded_weights():
    layer = AdderConv2d(1, 2, 3)
    layer.adder.data[0, 0, 0, 0] = 1e30
    with pytest.raises(SlipstickError, match="Layer '0': its parameters need integers"):
        lowered(nn.Sequential(layer))


# Affines


def test_fused_chain_is_one_affine():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU6(), nn.MaxPool2d(2))
    _, graph, _ = lowered(module, settings=config(bn_terms=2))
    assert [node.name for node in graph.nodes] == ["input", "0", "0.affine", "3"]
    affine = graph["0.affine"]
    assert affine.lo == 0
    assert affine.hi <= 6 * 2**affine.frac
    assert np.abs(affine.sign).sum(axis=0).max() <= 2


def test_relu_before_batch_norm_takes_two_affines():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.BatchNorm2d(4))
    source, graph, images = lowered(module)
    assert [node.name for node in graph.nodes] == ["input", "0", "0.affine", "2"]
    assert error(source, graph, images) < 0.15
    assert error(source, quantise(source, images, FINE), images) < 0.01


def test_requantisation_is_one_exact_shift():
    _, graph, _ = lowered(nn.Sequential(ShiftConv2d(1, 4, 3), nn.ReLU()))
    affine = graph["0.affine"]
    assert affine.exponent.shape[0] == 1
    assert (affine.multiplier == 1).all()
    assert affine.frac == graph.tensors["0"].frac - affine.shift


def test_batch_norm_keeps_every_mean():
    """At the running mean the result is beta, however coarsely the scale was rounded."""
    module = nn.Sequential(AdderConv2d(1, 16, 3, bias=True), nn.BatchNorm2d(16))
    settings = config(bn_terms=1)
    _, graph, _ = lowered(module, settings=settings)
    affine, total = graph["0.affine"], graph.tensors["0"]
    mean = module[1].running_mean.double() - module[0].bias.detach()
    at_mean = mean.numpy() * 2.0**total.frac * affine.multiplier + affine.bias
    beta = module[1].bias.detach().double().numpy() * 2.0**affine.frac
    assert np.abs(at_mean / 2.0**affine.shift - beta).max() <= 0.5
    assert np.abs(affine.sign).sum(axis=0).max() == 1


def test_negative_scales():
    module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
    images = images_like(SIZE)
    trained_like(module, images)
    module[1].weight.data.neg_()
    source = import_program(export_module(module, images))
    graph = quantise(source, images, FINE)
    assert (graph["0.affine"].multiplier < 0).all()
    assert error(source, graph, images) < 0.01


def test_elementwise_without_a_layer_in_front():
    class Early(nn.Module):
        def __init__(self):
            super().__init__()
            self.bn = nn.BatchNorm2d(1)
            self.pool = nn.MaxPool2d(2)
            self.conv = nn.Conv2d(1, 3, 3)

        def forward(self, x):
            return self.conv(F.hardtanh(self.pool(F.relu(self.bn(x))), 0.1, 0.8))

    source, graph, images = lowered(Early(), signed=True)
    names = [node.name for node in graph.nodes]
    assert names == ["input", "bn", "pool", "pool.affine", "conv", "conv.affine"]
    clamp = graph["pool.affine"]
    assert (clamp.multiplier == 1).all()
    assert clamp.lo == round(0.1 * 2**clamp.frac)
    assert clamp.hi == round(0.8 * 2**clamp.frac)
    assert error(source, graph, images) < 0.05


def test_several_readers_get_the_requantised_value():
    class Fork(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 3, 3)
            self.bn = nn.BatchNorm2d(3)

        def forward(self, x):
            x = self.conv(x)
            return F.relu(self.bn(x)) + x

    source, graph, images = lowered(Fork())
    names = [node.name for node in graph.nodes]
    assert names == ["input", "conv", "conv.affine", "bn", "add", "add.affine"]
    assert graph["add"].inputs == ("bn", "conv.affine")
    assert error(source, graph, images) < 0.05


@pytest.mark.parametrize(("size", "terms"), [(2, 1), (4, 1), (3, 4), (7, 4)])
def test_average_pool(size, terms):
    module = nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU(), nn.AvgPool2d(size))
    nn.init.uniform_(module[0].weight, 0.2, 1)
    nn.init.zeros_(module[0].bias)
    source, graph, images = lowered(module, (1, 14, 14), settings=config(output_bits=8))
    assert isinstance(graph["2"], Pool)
    affine = graph["2.affine"]
    assert np.abs(affine.sign).sum(axis=0).max() <= terms
    assert affine.lo == 0
    scale = affine.multiplier * 2.0 ** (graph.tensors["2"].frac - affine.frac - affine.shift)
    np.testing.assert_allclose(scale, 1 / size**2, rtol=2**-9 if terms > 1 else 0)
    assert error(source, graph, images) < 0.05


def test_add_aligns_to_the_finer_grid():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(1, 2, 1)
            self.b = nn.Conv2d(1, 2, 1)
            self.b.weight.data.mul_(30)

        def forward(self, x):
            return F.relu(self.a(x) + self.b(x))

    source, graph, images = lowered(Sum())
    node = graph["add"]
    assert isinstance(node, Add)
    assert min(node.shifts) == 0 < max(node.shifts)
    fracs = [graph.tensors[name].frac for name in node.inputs]
    assert graph.tensors["add"].frac == max(fracs)
    assert error(source, graph, images) < 0.05


def test_concat_of_equal_grids_needs_no_affine():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 1)
            self.last = nn.Conv2d(4, 2, 1)

        def forward(self, x):
            x = F.relu(self.conv(x))
            return self.last(torch.cat([x, x], 1))

    _, graph, _ = lowered(Twice())
    assert isinstance(graph["cat"], Concat)
    assert "cat.affine" not in graph.tensors


def test_concat_of_different_grids_is_requantised():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(1, 2, 1)
            self.b = nn.Conv2d(1, 2, 1)
            self.b.weight.data.mul_(30)
            self.last = nn.Conv2d(4, 2, 1)

        def forward(self, x):
            return self.last(torch.cat([F.relu(self.a(x)), self.b(x)], 1))

    source, graph, images = lowered(Mixed())
    assert graph.tensors["cat"].width > 8
    assert graph.tensors["cat.affine"].width <= 8
    assert error(source, graph, images) < 0.05


def test_input_format_of_a_shift_layer():
    module = nn.Sequential(
        nn.Conv2d(1, 4, 3),
        ShiftConv2d(4, 2, 1, activation_integer_bits=2, activation_fraction_bits=3),
    )
    module[0].weight.data.mul_(10)
    source, graph, images = lowered(module)
    affine = graph["0.affine"]
    assert (affine.frac, affine.rounding, affine.lo, affine.hi) == (3, "floor", -16, 8)
    assert error(source, graph, images) < 0.1


# Result


def test_argmax_reads_plain_sums():
    class Classifier(nn.Module):
        def __init__(self, norm):
            super().__init__()
            self.fc = nn.Linear(12, 5)
            self.bn = nn.BatchNorm1d(5) if norm else nn.Identity()

        def forward(self, x):
            return self.bn(self.fc(x)).argmax(1)

    source, graph, images = lowered(Classifier(norm=False), (12,))
    assert [node.name for node in graph.nodes] == ["input", "fc", "argmax"]
    assert isinstance(graph["argmax"], Argmax)
    assert graph["fc"].bias.any()
    labels = run_float(source, images)["argmax"].flatten()
    assert integer_accuracy(graph, quantise_input(graph, images), labels) > 0.9
    assert float_accuracy(source, images, labels) == 1.0
    _, normed, _ = lowered(Classifier(norm=True), (12,))
    assert "fc.affine" in normed.tensors
    assert 8 < normed.tensors["fc.affine"].width <= 16


def test_result_behind_moves_has_output_bits():
    module = nn.Sequential(nn.Conv2d(1, 3, 3), nn.MaxPool2d(2), nn.Flatten())
    _, graph, _ = lowered(module)
    assert 8 < graph.tensors["0.affine"].width <= 16


def test_unknown_labels_do_not_count():
    source, graph, images = lowered(nn.Sequential(nn.Flatten(), nn.Linear(144, 4)))
    labels = run_float(source, images)[source.output].flatten(1).argmax(1)
    labels[1:] = -1
    assert float_accuracy(source, images, labels) == 1.0
    assert integer_accuracy(graph, quantise_input(graph, images), labels) == 1.0


def test_saturations_count_only_what_the_format_cuts_off():
    module = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Conv2d(1, 1, 1), nn.ReLU6())
    for layer, bias in ((module[0], -0.5), (module[2], 0.0)):
        nn.init.constant_(layer.weight, 1.0)
        nn.init.constant_(layer.bias, bias)
    source = import_program(export_module(module, torch.zeros(1, 1, 4, 4)))
    images = torch.full((1, 1, 4, 4), 0.75)
    images[0, 0, 0, 0] = 0
    graph = quantise(source, images, Config())
    frames = quantise_input(graph, images)
    assert saturations(graph, frames) == {"0.affine": 0, "2.affine": 0}
    # The first affine covers little more than the 0.25 it has seen.
    bright = torch.full_like(frames, 255)
    covered = graph["0.affine"].hi * 2.0 ** -graph["0.affine"].frac
    assert 255 * 2.0**-graph.input.frac - 0.5 > covered
    assert saturations(graph, bright) == {"0.affine": 16, "2.affine": 0}
