"""Layers that only move values: against explicit loops, closed-form gradients, and trained."""

import itertools
import math

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from slipstick.nn import (
    AddressShift,
    ChannelShift,
    FiveDirectionShift,
    GroupedShift,
    QuarterRotate,
    SparseShift,
)
from slipstick.nn.move_ops import move, sparse_shift

ops = torch.ops.slipstick

TABLES = {
    "one": ([0], [0], [0]),
    "many from one": ([1, 1, 1, 1], [0, 1, 1, -2], [0, -1, -1, 3]),
    "fewer": ([2, 0], [-1, 1], [1, 0]),
    "backwards": ([2, 1, 0, 2, 1, 0], [1] * 6, [-1] * 6),
    "further than the image": ([0, 1, 2, 0, 1], [5, -5, 9, -9, 4], [0, 2, -7, 8, 7]),
    "none": ([], [], []),
}


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(11)


def value(x, n, c, h, w):
    """One value of ``x``, 0 outside the image."""
    inside = 0 <= h < x.shape[2] and 0 <= w < x.shape[3]
    return x[n, c, h, w].item() if inside else 0.0


def naive(x, channel, dy, dx, boundary):
    """`move`, one value at a time."""
    images, _, height, width = x.shape
    result = torch.empty(images, len(channel), height, width, dtype=x.dtype)
    for n, c, h, w in itertools.product(*map(range, result.shape)):
        if boundary == "address":
            pointer = h * width + w + dy[c] * width + dx[c]
            result[n, c, h, w] = value(x, n, channel[c], *divmod(pointer, width))
        else:
            result[n, c, h, w] = value(x, n, channel[c], h + dy[c], w + dx[c])
    return result


def naive_gradient(gradient, channels, channel, dy, dx, boundary):
    """The transposed matrix of `naive`, applied to ``gradient``."""
    images, _, height, width = gradient.shape
    result = torch.zeros(images, channels, height, width, dtype=gradient.dtype)
    for n, c, h, w in itertools.product(*map(range, gradient.shape)):
        row, column = h + dy[c], w + dx[c]
        if boundary == "address":
            row, column = divmod(row * width + column, width)
        if 0 <= row < height and 0 <= column < width:
            result[n, channel[c], row, column] += gradient[n, c, h, w]
    return result


@pytest.mark.parametrize("boundary", ["zero", "address"])
@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES)
@pytest.mark.parametrize("size", [(5, 7), (1, 3), (4, 1)])
def test_move_and_its_gradient(table, boundary, size):
    # Small integers: sums of them are exact in every order.
    x = torch.randint(-9, 9, (2, 3, *size)).double().requires_grad_()
    y = move(x, *table, boundary)
    assert torch.equal(y, naive(x.detach(), *table, boundary))
    upstream = torch.randint(-9, 9, y.shape).double()
    y.backward(upstream)
    assert torch.equal(x.grad, naive_gradient(upstream, 3, *table, boundary))


@pytest.mark.parametrize("boundary", ["zero", "address"])
def test_random_moves(boundary):
    for _ in range(10):
        ranges = ((0, 5), (-2, 3), (-2, 3))
        channel, dy, dx = (torch.randint(*ends, (12,)).tolist() for ends in ranges)
        x = torch.randint(-9, 9, (1, 5, 4, 3)).double().requires_grad_()
        y = move(x, channel, dy, dx, boundary)
        assert torch.equal(y, naive(x.detach(), channel, dy, dx, boundary))
        upstream = torch.randint(-9, 9, y.shape).double()
        y.backward(upstream)
        assert torch.equal(x.grad, naive_gradient(upstream, 5, channel, dy, dx, boundary))


@pytest.mark.parametrize("boundary", ["zero", "address"])
def test_move_passes_gradcheck(boundary):
    x = torch.randn(1, 3, 3, 4, dtype=torch.float64, requires_grad=True)
    table = ([2, 0, 2, 1], [1, -1, 0, 4], [0, 1, 1, -1])
    assert torch.autograd.gradcheck(lambda x: move(x, *table, boundary), x)


def test_memory_layout_does_not_matter():
    x = torch.randn(2, 4, 5, 6).to(memory_format=torch.channels_last)
    for boundary in ("zero", "address"):
        layer = AddressShift(4, boundary=boundary)
        assert torch.equal(layer(x), layer(x.contiguous()))
        assert layer(x).is_contiguous()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"boundary": "wrap"}, "Boundary must be 'zero' or 'address', not 'wrap'"),
        ({"channel": [0, 3]}, "Channel must be in 0 to 2, not 3"),
        ({"channel": [-1, 0]}, "Channel must be in 0 to 2, not -1"),
        ({"dx": [0]}, r"Channel, dy and dx must be equally long, not \(2, 2, 1\)"),
        ({"x": torch.zeros(3, 4, 4)}, r"Input must have shape \(N, C, H, W\), not \(3, 4, 4\)"),
    ],
)
def test_bad_tables(arguments, message):
    good = {"x": torch.zeros(1, 3, 4, 4), "channel": [0, 1], "dy": [0, 0], "dx": [0, 0]}
    with pytest.raises(ValueError, match=message):
        move(**{**good, "boundary": "zero", **arguments})


@pytest.mark.parametrize(("channels", "kernel", "dilation"), [(20, 3, 1), (9, 3, 2), (30, 5, 1)])
def test_interleaved_shift_is_that_of_the_released_code(channels, kernel, dilation):
    x = torch.randn(2, channels, 5, 7)
    expected = torch.zeros_like(x)
    for c in range(channels):
        dh = dw = 0
        if c < channels // kernel**2 * kernel**2:
            dw = dilation * (c % kernel - kernel // 2)
            dh = dilation * (c // kernel % kernel - kernel // 2)
        for n, h, w in itertools.product(range(2), range(5), range(7)):
            expected[n, c, h, w] = value(x, n, c, h + dh, w + dw)
    assert torch.equal(GroupedShift(channels, kernel, dilation)(x), expected)


def test_contiguous_shift_gives_the_remainder_to_the_centre():
    layer = GroupedShift(20, order="contiguous")
    displacements = list(zip(layer.dy, layer.dx, strict=True))
    groups = [(place, len(list(same))) for place, same in itertools.groupby(displacements)]
    places = list(itertools.product((-1, 0, 1), repeat=2))
    assert groups == [(place, 4 if place == (0, 0) else 2) for place in places]
    assert layer.channel == list(range(20))


def test_orders_are_permutations_of_each_other():
    interleaved, contiguous = (
        GroupedShift(45, 3, 2, order) for order in ("interleaved", "contiguous")
    )
    both = [sorted(zip(layer.dy, layer.dx, strict=True)) for layer in (interleaved, contiguous)]
    assert both[0] == both[1]


@pytest.mark.parametrize("order", ["interleaved", "contiguous"])
@pytest.mark.parametrize(("channels", "kernel"), [(8, 3), (3, 1), (24, 5)])
def test_too_few_channels_stay(channels, kernel, order):
    x = torch.randn(1, channels, 4, 4)
    assert torch.equal(GroupedShift(channels, kernel, order=order)(x), x)


def test_address_shift_moves_content_as_its_letters_say():
    x = torch.arange(1.0, 7.0).view(1, 1, 2, 3).repeat(1, 6, 1, 1)
    expected = {
        "r": [[0, 1, 2], [3, 4, 5]],
        "l": [[2, 3, 4], [5, 6, 0]],
        "u": [[4, 5, 6], [0, 0, 0]],
        "d": [[0, 0, 0], [1, 2, 3]],
        "s": [[1, 2, 3], [4, 5, 6]],
    }
    y = AddressShift(6, "rluds")(x)
    assert y[0].tolist() == [*expected.values(), expected["s"]]
    assert AddressShift(6, "r", "zero")(x)[0, 0].tolist() == [[0, 1, 2], [0, 4, 5]]
    assert AddressShift(6, "l", "zero")(x)[0, 5].tolist() == [[2, 3, 0], [5, 6, 0]]


def test_address_shift_reads_the_flat_channel():
    x = torch.randn(2, 11, 3, 5)
    y = AddressShift(11)(x)
    offsets = [-1] * 2 + [1] * 2 + [5] * 2 + [-5] * 2 + [0] * 3
    for n, c, p in itertools.product(range(2), range(11), range(15)):
        pointer = p + offsets[c]
        expected = x[n, c].flatten()[pointer].item() if 0 <= pointer < 15 else 0.0
        assert y[n, c].flatten()[p].item() == expected


def test_five_directions():
    x = torch.randn(1, 12, 4, 3)
    y = FiveDirectionShift(12)(x)
    above, left = F.pad(x, (0, 0, 1, 0))[:, :, :-1], F.pad(x, (1, 0))[..., :-1]
    below, right = F.pad(x, (0, 0, 0, 1))[:, :, 1:], F.pad(x, (0, 1))[..., 1:]
    for c, source in enumerate([above, left, x, right, below] * 2 + [above, left]):
        assert torch.equal(y[:, c], source[:, c])


def test_rotations():
    x = torch.randn(2, 12, 3, 3)
    for amount in (-12, -5, 0, 3, 12, 31):
        assert torch.equal(ChannelShift(12, amount)(x), x.roll(amount, 1))
    assert torch.equal(QuarterRotate(12)(x), torch.cat([x[:, 9:], x[:, :9]], 1))


@pytest.mark.parametrize("size", [(5, 7), (2, 3)])
def test_sparse_shift_rounds_half_to_even(size):
    layer = SparseShift(8, dtype=torch.float64)
    alpha = [0.5, 1.5, -0.5, -1.5, 2.5, 0.51, -7.9, 0.0]
    beta = [0.49, -2.5, 1.0, 0.3, 3.5, -0.51, 0.0, 9.2]
    with torch.no_grad():
        layer.alpha.copy_(torch.tensor(alpha))
        layer.beta.copy_(torch.tensor(beta))
    x = torch.randn(2, 8, *size, dtype=torch.float64, requires_grad=True)
    table = (range(8), [round(a) for a in alpha], [round(b) for b in beta], "zero")
    y = layer(x)
    assert torch.equal(y, naive(x.detach(), *table))
    upstream = torch.randn_like(y)
    y.backward(upstream)
    # Every input value is read at most once, so that the gradient is a copy.
    assert torch.equal(x.grad, naive_gradient(upstream, 8, *table))


def bilinear(x, alpha, beta):
    """SSL's read without rounding (active shift), differentiable by autograd."""
    reach = 4
    padded = F.pad(x, [reach] * 4)
    height, width = x.shape[2:]
    images = []
    for c in range(x.shape[1]):
        row, column = math.floor(alpha[c].item()), math.floor(beta[c].item())
        da, db = alpha[c] - row, beta[c] - column
        corners = [
            padded[:, c, reach + h : reach + h + height, reach + w : reach + w + width]
            for h in (row, row + 1)
            for w in (column, column + 1)
        ]
        top = (1 - db) * corners[0] + db * corners[1]
        bottom = (1 - db) * corners[2] + db * corners[3]
        images.append((1 - da) * top + da * bottom)
    return torch.stack(images, 1)


def test_displacements_get_the_gradient_of_bilinear_interpolation():
    x = torch.randn(3, 6, 5, 4, dtype=torch.float64)
    for _ in range(5):
        alpha, beta = (
            ((torch.rand(6, dtype=torch.float64) - 0.5) * 6).requires_grad_() for _ in range(2)
        )
        y = sparse_shift(x, alpha, beta)
        upstream = torch.randn_like(y)
        ours = torch.autograd.grad(y, [alpha, beta], upstream)
        slow = torch.autograd.grad(bilinear(x, alpha, beta), [alpha, beta], upstream)
        torch.testing.assert_close(ours, slow)


def test_displacement_gradients_by_hand():
    x = torch.tensor([[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]).view(1, 1, 2, 3)
    alpha, beta = (torch.tensor([v], requires_grad=True) for v in (0.25, 1.5))
    upstream = torch.zeros(1, 1, 2, 3)
    upstream[0, 0, 0, 0] = 2.0
    sparse_shift(x, alpha, beta).backward(upstream)
    # Corners of (0.25, 1.5): rows 0 and 1, columns 1 and 2.
    assert alpha.grad.tolist() == [2 * (0.5 * (16 - 2) + 0.5 * (32 - 4))]
    assert beta.grad.tolist() == [2 * (0.75 * (4 - 2) + 0.25 * (32 - 16))]


def test_displacements_of_another_type():
    x = torch.randn(1, 2, 3, 3, dtype=torch.float64)
    layer = SparseShift(2)
    layer(x).sum().backward()
    assert layer(x).dtype == torch.float64
    assert layer.alpha.grad.dtype == torch.float32


def test_only_wanted_gradients_are_made():
    layer, x = SparseShift(3), torch.randn(1, 3, 4, 4)
    layer(x).sum().backward()
    assert x.grad is None
    assert layer.alpha.grad is not None
    frozen = SparseShift(3).requires_grad_(False)
    frozen(x.requires_grad_()).sum().backward()
    assert x.grad is not None
    assert frozen.alpha.grad is None


def test_penalty_and_sparsity():
    layer = SparseShift(4)
    with torch.no_grad():
        layer.alpha.copy_(torch.tensor([0.5, -0.75, 0.0, 0.25]))
        layer.beta.copy_(torch.tensor([-0.5, 0.0, 2.0, -0.25]))
    assert layer.penalty().item() == 4.25
    assert layer.sparsity() == 0.5
    layer.penalty().backward()
    assert layer.alpha.grad.tolist() == [1.0, -1.0, 0.0, 1.0]


def trained(penalty):
    """Sparsity and accuracy of a network that must tell to which side a dot lies of another."""
    torch.manual_seed(5)
    labels = torch.randint(4, (256,))
    images = torch.zeros(256, 1, 8, 8)
    neighbours = [(-1, 0), (1, 0), (0, -1), (0, 1)]
    places = torch.randint(1, 7, (256, 2)).tolist()
    for image, label, (h, w) in zip(images, labels.tolist(), places, strict=True):
        image[0, h, w] = 1.0
        image[0, h + neighbours[label][0], w + neighbours[label][1]] = -1.0
    shift = SparseShift(32)
    network = nn.Sequential(
        nn.Conv2d(1, 32, 1), shift, nn.Conv2d(32, 32, 1), nn.ReLU(), nn.Flatten(2)
    )
    head = nn.Linear(32, 4)
    parameters = [*network.parameters(), *head.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    for _ in range(80):
        scores = head(network(images).amax(2))
        loss = F.cross_entropy(scores, labels) + penalty * shift.penalty()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    right = head(network(images).amax(2)).argmax(1) == labels
    return shift.sparsity(), right.double().mean().item()


def test_sparsity_grows_with_the_penalty():
    results = [trained(penalty) for penalty in (0.0, 0.003, 0.03)]
    sparsities, accuracies = zip(*results, strict=True)
    assert sparsities[0] < sparsities[1] < sparsities[2]
    assert min(accuracies) > 0.9


class Network(nn.Module):
    """One layer of each kind."""

    def __init__(self):
        super().__init__()
        self.a = GroupedShift(8)
        self.b = SparseShift(8)
        self.c = AddressShift(8)
        self.d = ChannelShift(8, 3)
        self.e = FiveDirectionShift(8)
        self.f = QuarterRotate(8)

    def forward(self, x):
        return self.f(self.e(self.d(self.c(self.b(self.a(x))))))


@pytest.mark.parametrize("dynamic", [True, False])
def test_export_keeps_one_call_a_layer_and_round_trips(tmp_path, dynamic):
    network = Network().eval()
    x = torch.randn(2, 8, 5, 6)
    shapes = ({0: torch.export.Dim("N")},) if dynamic else None
    program = torch.export.export(network, (x,), dynamic_shapes=shapes)
    torch.export.save(program, tmp_path / "network.pt2")
    loaded = torch.export.load(tmp_path / "network.pt2")
    calls = [node.target for node in loaded.graph.nodes if node.op == "call_function"]
    names = "move sparse_shift move move move move"
    assert calls == [getattr(ops, name).default for name in names.split()]
    assert list(loaded.state_dict) == ["b.alpha", "b.beta"]
    more = torch.randn(5 if dynamic else 2, 8, 5, 6)
    assert torch.equal(loaded.module()(more), network(more))


# Torch's own check reads .grad of tensors that are no leaves.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_opcheck():
    x = torch.randn(2, 3, 5, 6, requires_grad=True)
    for boundary in ("zero", "address"):
        torch.library.opcheck(ops.move.default, (x, [2, 2, 0], [1, 0, -1], [0, 1, 1], boundary))
    displacements = [torch.randn(3, requires_grad=True) for _ in range(2)]
    torch.library.opcheck(ops.sparse_shift.default, (x, *displacements))


def test_schemas_are_what_the_importer_reads():
    table = "int[] channel, int[] dy, int[] dx, str boundary"
    assert str(ops.move.default._schema) == f"slipstick::move(Tensor x, {table}) -> Tensor"
    expected = "slipstick::sparse_shift(Tensor x, Tensor alpha, Tensor beta) -> Tensor"
    assert str(ops.sparse_shift.default._schema) == expected


def test_one_image_without_batch():
    x = torch.randn(8, 5, 6)
    for layer in Network().children():
        assert torch.equal(layer(x), layer(x[None])[0])


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: GroupedShift(0), ValueError, "Channels must be at least 1, not 0"),
        (lambda: GroupedShift(2.0), TypeError, "Channels must be an integer, not 2.0"),
        (lambda: GroupedShift(9, 4), ValueError, "Kernel size must be odd, not 4"),
        (lambda: GroupedShift(9, 3, 0), ValueError, "Dilation must be at least 1, not 0"),
        (
            lambda: GroupedShift(9, order="paper"),
            ValueError,
            "Order must be 'interleaved' or 'contiguous', not 'paper'",
        ),
        (lambda: AddressShift(3), ValueError, "Channels must be at least 4, not 3"),
        (lambda: AddressShift(4, "rx"), ValueError, "Directions must be letters of 'rluds'"),
        (lambda: AddressShift(4, ""), ValueError, "Directions must be letters .*, not ''"),
        (
            lambda: AddressShift(4, boundary="wrap"),
            ValueError,
            "Boundary must be 'zero' or 'address', not 'wrap'",
        ),
        (lambda: ChannelShift(4, 1.5), TypeError, "Amount must be an integer, not 1.5"),
        (lambda: ChannelShift(4, -5), ValueError, "Amount must be at least -4, not -5"),
        (lambda: QuarterRotate(6), ValueError, "Channels must be divisible by 4, not 6"),
        (lambda: SparseShift(0), ValueError, "Channels must be at least 1, not 0"),
        (
            lambda: SparseShift(4)(torch.zeros(1, 3, 5, 5)),
            ValueError,
            r"Input must have shape \(N, 4, H, W\), not \(1, 3, 5, 5\)",
        ),
        (
            lambda: sparse_shift(torch.zeros(1, 3, 5, 5), torch.zeros(3), torch.zeros(3, 1)),
            ValueError,
            r"Beta must have shape \(3,\), not \(3, 1\)",
        ),
    ],
)
def test_bad_arguments(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_repr_says_what_the_layer_is():
    expected = {
        "GroupedShift(18, kernel_size=5, dilation=2, order='contiguous')": GroupedShift(
            18, 5, 2, "contiguous"
        ),
        "AddressShift(8, directions='rl', boundary='zero')": AddressShift(8, "rl", "zero"),
        "ChannelShift(8, amount=3)": ChannelShift(8, 3),
        "QuarterRotate(8, amount=2)": QuarterRotate(8),
        "FiveDirectionShift(5)": FiveDirectionShift(5),
        "SparseShift(6)": SparseShift(6),
    }
    assert [repr(layer) for layer in expected.values()] == list(expected)
