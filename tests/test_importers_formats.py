"""Checkpoint files of every format are read, and give the very same network."""

import argparse
import pickle

import numpy as np
import pytest
import torch
from importer_files import (
    AdderNet,
    ShiftAddNet,
    ShiftNet,
    as_arrays,
    legacy,
    parallel,
    pickled_elsewhere,
    python2,
    read,
    same,
    trained,
    upstream,
    wrapped,
)
from torch import nn

from slipstick.importers.read import read_checkpoint
from slipstick.importers.state import find_state

# Torch keeps the source of a pickled module's class beside it, and these classes have none.
pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")

SAVES = {"zip": torch.save, "legacy": legacy}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pth"


@pytest.fixture
def network():
    return trained(AdderNet())


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@pytest.mark.parametrize("around", [dict, parallel, wrapped], ids=lambda around: around.__name__)
def test_torch_files(path, network, save, around):
    save(around(upstream(network)), path)
    assert same(network, read(path, AdderNet))


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@pytest.mark.parametrize("kind", [AdderNet, ShiftNet, ShiftAddNet])
def test_pickled_modules_need_no_class_of_theirs(path, save, kind):
    network = trained(kind())
    pickled_elsewhere(network, path, save)
    assert same(network, read(path, kind))


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
def test_pickled_modules_in_wrappers(path, network, save):
    value = {"net": nn.DataParallel(network), "acc": 91.8, "epoch": 160}
    pickled_elsewhere(value["net"], path, lambda _, path: save(value, path))
    assert same(network, read(path, AdderNet))


def test_python_2(path, network):
    python2(upstream(network), path)
    assert same(network, read(path, AdderNet))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_numpy_pickles(path, network, protocol):
    path.write_bytes(pickle.dumps(as_arrays(upstream(network)), protocol))
    assert same(network, read(path, AdderNet))


def test_numpy_pickles_of_python_2(path):
    # The bytes of an array as a quoted string, as protocol 0 of Python 2 had them.
    array = np.array([[1.5, -2.0]], "<f4")
    quoted = repr(array.tobytes().decode("latin-1")).replace("\\xc0", "\\300").encode("latin-1")
    lines = [
        b"(dp0\nS'w'\np1\ncnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR",
        b"(I1\n(I1\nI2\ntcnumpy\ndtype\n(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntb",
        b"I00\nS" + quoted + b"\ntbs.",
    ]
    path.write_bytes(b"".join(lines))
    found = find_state(read_checkpoint(path)).tensors
    assert torch.equal(found["w"], torch.from_numpy(array))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", "<f2", "i1", ">i2", "<i8", "u1", "<u2", "?"])
def test_numpy_element_types(path, kind, order):
    array = np.asarray(np.arange(6).reshape(2, 3) - 2, order=order).astype(kind, order=order)
    path.write_bytes(pickle.dumps({"w": array}))
    found = find_state(read_checkpoint(path)).tensors["w"]
    assert torch.equal(found.double(), torch.tensor(array.astype("f8").tolist()).double())


KINDS = "float32 float16 float64 bfloat16 int8 int16 int32 int64 uint8 bool".split()


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@pytest.mark.parametrize("kind", KINDS)
def test_storage_kinds(path, save, kind):
    tensor = (torch.arange(6) % 3).to(getattr(torch, kind)).reshape(2, 3)
    save({"w": tensor}, path)
    found = find_state(read_checkpoint(path)).tensors["w"]
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
def test_strides_and_offsets(path, save):
    whole = torch.arange(60.0).reshape(3, 4, 5)
    views = {"t": whole.transpose(0, 2), "s": whole[1:, ::2, 3:], "one": whole[2, 3, 4]}
    views |= {"none": whole[:0], "same": whole}
    save(views, path)
    found = find_state(read_checkpoint(path)).tensors
    assert list(found) == list(views)
    assert all(torch.equal(found[name], view) for name, view in views.items())


def test_what_stands_beside_the_network(path, network):
    value = wrapped(upstream(network)) | {"args": argparse.Namespace(lr=0.1), "device": "cuda"}
    value["lr"] = np.float64(0.1)
    value["size"] = (torch.Size([3, 32]), torch.float32, torch.device("cpu"))
    torch.save(value, path)
    with pytest.warns(UserWarning, match="also holds, and it is not read: device, lr, size"):
        assert same(network, read(path, AdderNet))


def test_modules_of_old_torch(path, network):
    # Until torch 1.2 every module held a backend, which pickled as a call without arguments.
    class Backend:
        def __reduce__(self):
            return (_get_thnn_function_backend, ())

    network.conv1._backend = Backend()
    pickled_elsewhere(network, path, legacy)
    content = path.read_bytes()
    own = f"c{__name__}\n_get_thnn_function_backend".encode()
    assert own in content
    path.write_bytes(content.replace(own, b"ctorch.nn.backends.thnn\n_get_thnn_function_backend"))
    assert same(network, read(path, AdderNet))


def _get_thnn_function_backend():
    raise AssertionError("nothing is called")


def test_buffers_that_are_not_saved_are_not_read(path, network):
    network.register_buffer("scratch", torch.ones(3), persistent=False)
    pickled_elsewhere(network, path, torch.save)
    assert same(network, read(path, AdderNet))
