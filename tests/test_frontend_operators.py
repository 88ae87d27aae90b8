"""Every operator that can be imported: the float graph computes what the module computes."""

import warnings

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.frontend import (
    BatchNorm,
    Clamp,
    FixedPoint,
    FloatFlatten,
    ShiftLayer,
    export_module,
    import_program,
    run_float,
)
from slipstick.nn import AdderConv2d, AdderLinear, ShiftConv2d, ShiftLinear


class Calls(nn.Module):
    """A layer, so that the model is not empty, and a function of its result and the module."""

    def __init__(self, function, channels=4, **modules):
        super().__init__()
        self.stem = nn.Conv2d(3, channels, 1)
        self.function = function
        for name, module in modules.items():
            self.add_module(name, module)

    def forward(self, x):
        return self.function(self, self.stem(x))


def randomised(module):
    """``module`` in eval mode with statistics as after training."""
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.running_mean.uniform_(-1, 1)
            part.running_var.uniform_(0.5, 2)
            if part.affine:
                nn.init.uniform_(part.weight, -2, 2)
                nn.init.uniform_(part.bias, -1, 1)
    return module.eval()


def imported(module, shape=(2, 3, 9, 8)):
    return import_program(export_module(module, torch.zeros(shape)))


def compare(module, shape=(2, 3, 9, 8)):
    """Imports ``module`` and compares every value; returns the float graph."""
    module = randomised(module)
    graph = imported(module, shape)
    images = torch.randn(shape) * 4
    with torch.no_grad():
        expected = module(images.clone())
    found = run_float(graph, images)[graph.output]
    # Shift layers floor their input to 2**-16, which import leaves out.
    expected = expected.flatten().to(found.dtype)
    torch.testing.assert_close(found.flatten(), expected, rtol=1e-4, atol=1e-3)
    assert found.shape == (shape[0], *graph[graph.output].shape)
    return graph


CONVOLUTIONS = {
    "plain": nn.Conv2d(3, 6, 3),
    "strided": nn.Conv2d(3, 6, (3, 2), stride=(2, 3), padding=(1, 0)),
    "grouped": nn.Conv2d(3, 6, 3, groups=3, bias=False),
    "dilated": nn.Conv2d(3, 4, 3, dilation=(2, 1), padding=2),
    "same": nn.Conv2d(3, 4, (2, 4), padding="same", dilation=(1, 2)),
    "valid": nn.Conv2d(3, 4, 3, padding="valid"),
    "shift q": ShiftConv2d(3, 6, 3, stride=2, padding=1, groups=3),
    "shift ps": ShiftConv2d(3, 6, 3, padding="same", method="ps", weight_bits=4),
    "adder": AdderConv2d(3, 6, 3, stride=2, padding=1, bias=True),
    "adder grouped": AdderConv2d(3, 6, 3, groups=3, dilation=2),
}


@pytest.mark.parametrize("layer", CONVOLUTIONS.values(), ids=CONVOLUTIONS)
def test_convolution(layer):
    graph = compare(nn.Sequential(layer))
    assert [node.name for node in graph.nodes] == ["input", "0"]


LINEARS = {
    "plain": nn.Linear(12, 5),
    "plain without bias": nn.Linear(12, 5, bias=False),
    "shift q": ShiftLinear(12, 5),
    "shift ps": ShiftLinear(12, 5, method="ps"),
    "adder": AdderLinear(12, 5, bias=True),
}


@pytest.mark.parametrize("layer", LINEARS.values(), ids=LINEARS)
def test_linear_on_vectors(layer):
    graph = compare(nn.Sequential(layer, nn.BatchNorm1d(5), nn.ReLU()), (3, 12))
    assert graph.input.vector
    assert graph.input.shape == (12, 1, 1)


FUNCTIONS = {
    "relu": lambda m, x: F.relu(x),
    "relu6": lambda m, x: F.relu6(x),
    "hardtanh": lambda m, x: F.hardtanh(x, -0.5, 2.0),
    "clamp": lambda m, x: x.clamp(-1, 2),
    "clamp_min": lambda m, x: x.clamp(min=0.5),
    "clamp_max": lambda m, x: torch.clamp_max(x, 1.5),
    "max_pool": lambda m, x: F.max_pool2d(x, 3, 2, 1),
    "max_pool dilated": lambda m, x: F.max_pool2d(x, 2, 1, dilation=2),
    "max_pool ceil that changes nothing": lambda m, x: F.max_pool2d(x, (3, 2), ceil_mode=True),
    "max_pool with indices": lambda m, x: F.max_pool2d(x, 2, return_indices=True)[0],
    "avg_pool": lambda m, x: F.avg_pool2d(x, (3, 2)),
    "avg_pool padded": lambda m, x: F.avg_pool2d(x, 3, 2, 1),
    "avg_pool unpadded": lambda m, x: F.avg_pool2d(x, 3, 2, count_include_pad=False),
    "avg_pool divisor": lambda m, x: F.avg_pool2d(x, 2, divisor_override=3),
    "global avg": lambda m, x: F.adaptive_avg_pool2d(x, 1),
    "adaptive avg": lambda m, x: F.adaptive_avg_pool2d(x, (3, 4)),
    "adaptive max": lambda m, x: F.adaptive_max_pool2d(x, (3, 2)),
    "mean": lambda m, x: x.mean((2, 3)),
    "mean keepdim": lambda m, x: x.mean((-1, -2), keepdim=True),
    "amax": lambda m, x: x.amax((2, 3)),
    "add": lambda m, x: x + F.relu(x),
    "add itself": lambda m, x: x + x,
    "cat": lambda m, x: torch.cat([x, F.relu(x), x], 1),
    "cat of vectors": lambda m, x: torch.cat([x.mean((2, 3)), x.amax((2, 3))], -1),
    "flatten": lambda m, x: x.flatten(1),
    "view": lambda m, x: x.view(x.size(0), -1),
    "reshape": lambda m, x: x.reshape(len(x), 4 * 72),
    "reshape of nothing": lambda m, x: x.reshape(-1, 4, 9, 8),
    "squeeze": lambda m, x: F.adaptive_avg_pool2d(x, 1).squeeze(-1).squeeze(-1),
    "unsqueeze": lambda m, x: m.pixel(x.mean((2, 3)).unsqueeze(-1).unsqueeze(-1)),
    "argmax": lambda m, x: x.mean((2, 3)).argmax(1),
    "argmax of pixels": lambda m, x: x.argmax(1),
    "dropout": lambda m, x: F.dropout(x, 0.5, m.training),
    "no-ops": lambda m, x: x.contiguous().clone().detach().to(torch.float32),
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_function(function):
    compare(Calls(function, pixel=nn.Conv2d(4, 2, 1)))


def test_batch_norms():
    norms = {"bn": nn.BatchNorm2d(4), "plain": nn.BatchNorm2d(4, affine=False)}
    graph = compare(Calls(lambda m, x: m.plain(m.bn(x)), **norms))
    assert [n.name for n in graph.nodes if isinstance(n, BatchNorm)] == ["bn", "plain"]


def test_decomposed_program():
    module = randomised(
        nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(144, 3))
    )
    program = export_module(module, torch.zeros(2, 1, 8, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        decomposed = program.run_decompositions()
    images = torch.randn(2, 1, 8, 8)
    graph = import_program(decomposed)
    torch.testing.assert_close(
        run_float(graph, images)[graph.output].flatten(1), module(images).detach()
    )


def test_in_place_operators_are_seen_by_all_readers():
    def function(m, x):
        y = x.relu_()
        return x + y.add_(x)

    compare(Calls(function))


def test_in_place_on_the_input():
    compare(nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 2, 1)))


def test_weights_computed_from_parameters():
    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.randn(3, 4))
            self.gain = nn.Parameter(torch.randn(3, 1))

        def forward(self, x):
            return F.linear(x, self.weight.sign() * self.gain) + F.linear(x, self.weight)

    compare(Scaled(), (2, 4))


def test_training_mode_of_the_caller_stays():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    export_module(module, torch.zeros(1, 3, 4, 4))
    assert module.training


def test_input_format_of_a_shift_layer():
    module = nn.Sequential(
        ShiftConv2d(3, 2, 1, activation_integer_bits=3, activation_fraction_bits=4)
    )
    graph = compare(module)
    node = graph["0.input"]
    assert isinstance(node, FixedPoint)
    assert (node.fraction_bits, node.lo, node.hi) == (4, -4.0, 3.0)
    assert isinstance(graph["0"], ShiftLayer)


class Block(nn.Module):
    def __init__(self, width, act=nn.ReLU):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.act = act()
        self.conv2 = AdderConv2d(width, width, 3, padding=1)
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x):
        return F.relu(x + self.bn(self.conv2(self.act(self.conv1(x)))))


def test_names_are_module_paths():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), Block(4), nn.MaxPool2d(2), nn.Flatten(), nn.ReLU())
    graph = compare(module)
    assert graph.names == (
        "input",
        "0",
        *(f"1.{name}" for name in ("conv1", "act", "conv2", "bn", "add", "relu")),
        "2",
        "3",
        "4",
    )


def test_names_of_repeated_modules_differ():
    relu = nn.ReLU()
    shared = nn.Conv2d(3, 3, 1)
    graph = compare(
        Calls(lambda m, x: m.act(m.twice(m.act(m.twice(x)))), 3, act=relu, twice=shared)
    )
    assert graph.names == ("input", "stem", "twice", "act", "twice_1", "act_1")


def test_a_layer_named_input():
    assert imported(nn.ModuleDict({"input": nn.Conv2d(3, 2, 1)})["input"]).names == (
        "input",
        "conv2d",
    )
    named = Calls(lambda m, x: m.get_submodule("input")(x), **{"input": nn.Conv2d(4, 2, 1)})
    assert imported(named).names == ("input", "stem", "input_1")


def test_flatten_of_one_pixel_is_no_node():
    graph = compare(Calls(lambda m, x: F.adaptive_avg_pool2d(x, 1).flatten(1)))
    assert not any(isinstance(node, FloatFlatten) for node in graph.nodes)


def test_a_result_that_nobody_reads_is_left_out():
    class Auxiliary(nn.Module):
        def forward(self, x):
            _, indices = F.max_pool2d(F.relu(x), 2, return_indices=True)
            return x + x, x.mean((2, 3)), indices

    graph = compare(Calls(lambda m, x: m.aux(x)[1], aux=Auxiliary()))
    assert graph.names == ("input", "stem", "aux.mean")


def test_clamp_bounds():
    graph = compare(Calls(lambda m, x: F.relu6(x)))
    node = graph["clamp"] if "clamp" in graph.names else graph["relu6"]
    assert isinstance(node, Clamp)
    assert (node.lo, node.hi) == (0.0, 6.0)


REFUSED = {
    "gelu": (lambda m, x: F.gelu(x), "operator aten.gelu.default is not supported"),
    "sigmoid": (lambda m, x: x.sigmoid(), "aten.sigmoid"),
    "scalar": (lambda m, x: x * 2, "aten.mul.Tensor is supported on weights only"),
    "constant": (lambda m, x: x + m.conv.bias.view(4, 1, 1), "combines the image with a constant"),
    "product": (lambda m, x: x * F.relu(x), "aten.mul.Tensor is supported on weights only"),
    "broadcast": (lambda m, x: x + x.mean((2, 3), keepdim=True), "must have one shape"),
    "alpha": (lambda m, x: torch.add(x, F.relu(x), alpha=2), "alpha=2"),
    "transposed": (lambda m, x: m.conv(x), "aten.conv_transpose2d"),
    "clamp to NaN": (lambda m, x: x.clamp(float("nan"), 1), "clamps to [nan, 1.0]"),
    "no values": (lambda m, x: m.meta(x), "on the meta device, without values"),
    "uneven pool": (lambda m, x: F.adaptive_avg_pool2d(x, 5), "9x8 to 5x5"),
    "ceil": (lambda m, x: F.max_pool2d(x, 2, ceil_mode=True), "ceil_mode=True"),
    "border": (
        lambda m, x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
        "count_include_pad=False",
    ),
    "mean of channels": (lambda m, x: x.mean(1), "reduces dimensions [1]"),
    "cat of rows": (lambda m, x: torch.cat([x, x], 2), "along dimension 2"),
    "partial flatten": (lambda m, x: x.flatten(2), "(N, C, H, W) or (N, F)"),
    "reshape": (lambda m, x: x.reshape(len(x), 8, 9, 4), "it reshapes (4, 9, 8) to (8, 9, 4)"),
    "batch": (lambda m, x: x.reshape(-1, 2, 9, 8), "changes the batch dimension"),
    "argmax of rows": (lambda m, x: x.argmax(2), "argmax is over dimension 2"),
    "half": (lambda m, x: x.half(), "torch.float32 to torch.float16"),
    "indices": (lambda m, x: F.max_pool2d(x, 2, return_indices=True)[1], "does not depend"),
    "linear on rows": (lambda m, x: m.linear(x), "put a Flatten in front"),
    "two results": (lambda m, x: (x, F.relu(x)), "returns 2 results"),
    "3-D": (lambda m, x: x.mean(1, keepdim=True).unsqueeze(0), "reduces dimensions"),
    "dynamic weights": (
        lambda m, x: F.conv2d(x, x.mean((0, 2, 3), keepdim=True)),
        "reduces dimensions",
    ),
}


@pytest.mark.parametrize(("function", "text"), REFUSED.values(), ids=REFUSED)
def test_refusals_name_layer_and_operator(function, text):
    parts = {
        "conv": nn.ConvTranspose2d(4, 4, 2),
        "linear": nn.Linear(8, 2),
        "meta": nn.Conv2d(4, 4, 1, device="meta"),
    }
    with pytest.raises(SlipstickError) as error:
        imported(Calls(function, **parts).eval())
    assert text in str(error.value)


def test_unsupported_operator_names_module_path():
    class Odd(nn.Module):
        def forward(self, x):
            return x.relu() + torch.tan(x)

    with pytest.raises(SlipstickError, match=r"Layer 'odd\.tan': operator aten\.tan.*MaxPool2d"):
        imported(Calls(lambda m, x: m.odd(x), odd=Odd()))


def test_batch_norm_in_training_mode():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)).train()
    program = torch.export.export(module, (torch.randn(2, 3, 4, 4),))
    with pytest.raises(SlipstickError, match=r"Layer '1.batch_norm': .*training mode.*eval\(\)"):
        import_program(program)


def test_dropout_in_training_mode():
    module = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Dropout(0.5)).train()
    program = torch.export.export(module, (torch.randn(2, 3, 4, 4),))
    with pytest.raises(SlipstickError, match=r"Layer '1': .*training mode"):
        import_program(program)


def test_empty_model():
    with pytest.raises(SlipstickError, match="has no layer with weights"):
        imported(nn.Sequential(nn.ReLU()))


def test_two_inputs():
    class Two(nn.Module):
        def forward(self, a, b):
            return a + b

    program = torch.export.export(Two(), (torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 4, 4)))
    with pytest.raises(SlipstickError, match=r"takes 2 inputs \(a, b\)"):
        import_program(program)


def test_integer_input():
    program = torch.export.export(
        Calls(lambda m, x: x).double().eval(), (torch.zeros(2, 3, 4, 4).double(),)
    )
    with pytest.raises(SlipstickError, match=r"torch\.float64.*float32"):
        import_program(program)


@pytest.mark.parametrize(
    ("parameter", "text"),
    [
        ("conv.weight", "Layer 'conv': weights must be finite, found 2 NaN; retrain"),
        ("conv.bias", "Layer 'conv': bias values must be finite, found 2 NaN"),
        ("adder.adder", "Layer 'adder': weights must be finite, found 2 NaN"),
        ("bn.running_var", "Layer 'bn': running_var values must be finite, found 2 NaN"),
    ],
)
def test_parameters_must_be_finite(parameter, text):
    module = Calls(
        lambda m, x: m.bn(m.adder(m.conv(x))),
        conv=nn.Conv2d(4, 4, 1),
        adder=AdderConv2d(4, 4, 1),
        bn=nn.BatchNorm2d(4),
    ).eval()
    module.state_dict()[parameter].view(-1)[:2] = float("nan")
    with pytest.raises(SlipstickError) as error:
        imported(module)
    assert text in str(error.value)


def test_infinite_weight():
    module = nn.Sequential(ShiftConv2d(3, 2, 1))
    module[0].weight.data[0, 0] = float("inf")
    with pytest.raises(SlipstickError, match="found 1 infinite"):
        imported(module)


def test_module_that_cannot_be_traced():
    class Branching(nn.Module):
        def forward(self, x):
            return x if x.sum() > 0 else -x

    with pytest.raises(SlipstickError, match="Model 'Branching': cannot be exported"):
        export_module(Branching(), torch.zeros(1, 3, 4, 4))


def test_module_for_one_batch_size():
    class Fixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(12, 2)

        def forward(self, x):
            return self.linear(x.view(1, 12))

    graph = import_program(export_module(Fixed(), torch.zeros(1, 3, 2, 2)))
    assert run_float(graph, torch.randn(5, 3, 2, 2))["linear"].shape == (5, 2, 1, 1)


def test_example_input_of_the_wrong_rank():
    with pytest.raises(SlipstickError, match="needs an example input"):
        export_module(nn.Linear(3, 2), torch.zeros(3))


def test_images_of_the_wrong_shape():
    graph = imported(nn.Sequential(nn.Conv2d(3, 2, 1)))
    with pytest.raises(SlipstickError, match="Images: the model takes shape"):
        run_float(graph, torch.zeros(2, 1, 9, 8))
