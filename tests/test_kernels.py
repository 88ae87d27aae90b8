"""The L1 kernels: exact integers, equal to plain torch, with and without a compiler."""

import ctypes
import subprocess
import sys
import warnings

import pytest
import torch

from slipstick import kernels
from slipstick.kernels import compiler, fallback, l1, l1_distance, l1_input_gradient, native

# Odd sizes on all axes, one narrow (images side by side), one longer than a tile, one empty.
SHAPES = [(3, 7, 70, 5), (2, 18, 129, 4), (5, 9, 1, 6), (4, 4, 13, 1), (1, 1, 64, 9), (0, 3, 5, 2)]


def naive(columns, weight):
    return (columns[:, None] - weight[None, :, :, None]).abs().sum(2)


def naive_gradient(gradient, columns, weight):
    slopes = (weight[None, :, :, None] - columns[:, None]).clamp(-1, 1)
    return (gradient[:, :, None] * slopes).sum(1)


def integers(*shape, bound):
    return torch.randint(-bound, bound + 1, shape, generator=torch.Generator().manual_seed(1))


def reals(*shape, dtype=torch.float64):
    return torch.randn(shape, dtype=dtype, generator=torch.Generator().manual_seed(sum(shape))) * 3


@pytest.fixture(params=["compiled", "torch"])
def way(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setattr(l1, "library", lambda: None)
    elif not kernels.kernel_available():
        pytest.skip("no C++ compiler on this machine")


@pytest.mark.parametrize("shape", SHAPES)
# 2^27 and 18 taps leave 31 bits, 2^50 leaves the mantissa of a double.
@pytest.mark.parametrize("bound", [1, 255, 2**27, 2**50])
def test_integer_distances_are_exact(way, shape, bound):
    n, k, length, outputs = shape
    columns, weight = integers(n, k, length, bound=bound), integers(outputs, k, bound=bound)
    result = l1_distance(columns, weight)
    assert result.dtype == torch.int64
    assert torch.equal(result, naive(columns, weight))


def test_integer_extremes_at_the_edge_of_int32(way):
    for edge in (2**29 - 1, 2**29, 2**30, 2**31 - 1, 2**31):
        columns = torch.full((1, 2, 70), edge)
        weight = torch.full((1, 2), -edge)
        assert torch.equal(l1_distance(columns, weight), torch.full((1, 1, 70), 4 * edge))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_float_distances(way, shape, dtype):
    n, k, length, outputs = shape
    columns, weight = reals(n, k, length, dtype=dtype), reals(outputs, k, dtype=dtype)
    result = l1_distance(columns, weight)
    assert result.dtype == dtype
    torch.testing.assert_close(result, naive(columns, weight))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_input_gradients(way, shape, dtype):
    n, k, length, outputs = shape
    columns, weight = reals(n, k, length, dtype=dtype), reals(outputs, k, dtype=dtype)
    gradient = reals(n, outputs, length, dtype=dtype)
    result = l1_input_gradient(gradient, columns, weight)
    torch.testing.assert_close(
        result, naive_gradient(gradient, columns, weight), atol=1e-4, rtol=1e-4
    )


def test_strided_operands(way):
    columns = reals(6, 70, 3).permute(2, 0, 1)
    weight = reals(6, 4).t()
    torch.testing.assert_close(l1_distance(columns, weight), naive(columns, weight))
    gradient = reals(4, 70, 3).permute(2, 0, 1)
    torch.testing.assert_close(
        l1_input_gradient(gradient, columns, weight), naive_gradient(gradient, columns, weight)
    )


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("images", [1, 2, 8])
def test_threads_share_the_work(monkeypatch, count, images):
    monkeypatch.setattr(native, "SMALL", 0)
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    columns, weight = integers(images, 5, 150, bound=99), integers(3, 5, bound=99)
    assert torch.equal(l1_distance(columns, weight), naive(columns, weight))


def test_nan_reaches_the_result(way):
    columns = torch.full((1, 2, 3), float("nan"))
    assert l1_distance(columns, torch.zeros(2, 2)).isnan().all()


@pytest.mark.parametrize(
    ("columns", "weight", "error", "message"),
    [
        ((2, 3), (4, 3), ValueError, r"Columns and weight must have shapes .*, not \(2, 3\)"),
        ((2, 3, 4), (4, 5), ValueError, r"must have shapes .* and \(4, 5\)"),
    ],
)
def test_shapes_are_checked(columns, weight, error, message):
    with pytest.raises(error, match=message):
        l1_distance(torch.zeros(columns), torch.zeros(weight))


def test_types_are_checked():
    with pytest.raises(TypeError, match=r"Weight must be torch.float32 .*, not torch.int64"):
        l1_distance(torch.zeros(1, 2, 3), torch.zeros(1, 2, dtype=torch.int64))
    with pytest.raises(TypeError, match=r"Columns must be .*, not torch.float16"):
        l1_distance(torch.zeros(1, 2, 3).half(), torch.zeros(1, 2).half())
    ones = torch.ones(1, 2, 3, dtype=torch.int64)
    with pytest.raises(TypeError, match=r"Gradient must be floating"):
        l1_input_gradient(ones, ones, torch.ones(2, 2, dtype=torch.int64))


@pytest.fixture
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setattr(compiler.platformdirs, "user_cache_dir", lambda name: str(tmp_path / name))
    compiler.library.cache_clear()
    yield tmp_path / "slipstick"
    compiler.library.cache_clear()


@pytest.mark.parametrize("command", ["/nonexistent/g++", "false"])
def test_no_compiler_warns_once_and_still_counts(monkeypatch, empty_cache, command):
    monkeypatch.setenv("CXX", command)
    columns, weight = integers(2, 3, 70, bound=9), integers(4, 3, bound=9)
    with pytest.warns(RuntimeWarning, match=r"C\+\+ L1 kernel is not available .* set CXX"):
        assert torch.equal(l1_distance(columns, weight), naive(columns, weight))
    with warnings.catch_warnings(action="error"):
        l1_distance(columns, weight)
    assert not kernels.kernel_available()


def test_source_that_does_not_compile_leaves_nothing(monkeypatch, empty_cache):
    monkeypatch.setattr(compiler, "FLAGS", ["--no-such-option"])
    with pytest.warns(RuntimeWarning, match="no-such-option"):
        assert compiler.library() is None
    assert list(empty_cache.iterdir()) == []


def test_two_processes_compile_at_once(tmp_path):
    program = "from slipstick.kernels import kernel_available; assert kernel_available()"
    environment = {"XDG_CACHE_HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    both = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", program], env=environment)
        for _ in range(2)
    ]
    assert [process.wait(timeout=120) for process in both] == [0, 0]
    (built,) = (tmp_path / "slipstick").iterdir()
    assert isinstance(ctypes.CDLL(str(built)), ctypes.CDLL)


def test_subnormal_numbers_survive_the_kernel():
    # A library built with -ffast-math would flush them to zero in the whole process.
    assert kernels.kernel_available()
    assert torch.tensor(1e-40).item() * 0.5 > 0
    assert (torch.full((100,), 1e-40) * 0.5).min().item() > 0
    small = torch.full((1, 1, 64), 1e-40)
    assert l1_distance(small, torch.zeros(1, 1)).min().item() > 0


def test_fallback_works_in_bounded_chunks(monkeypatch):
    monkeypatch.setattr(fallback, "ELEMENTS", 1)
    columns, weight = integers(2, 3, 5, bound=9), integers(4, 3, bound=9)
    assert torch.equal(fallback.distance(columns, weight), naive(columns, weight))
