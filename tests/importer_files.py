"""Checkpoint files of every format, written as the original repositories wrote them."""

import pickle
import struct
import sys
import types
from pathlib import Path

import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.importers import import_into
from slipstick.nn import AdderConv2d, ShiftConv2d, ShiftLinear


class AdderNet(nn.Module):
    """An ordinary stem, an adder with a bias, BatchNorm."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 3, bias=False)
        self.block = nn.Sequential(AdderConv2d(4, 5, 3, padding=1), nn.BatchNorm2d(5))
        self.fc = nn.Conv2d(5, 2, 1)

    def forward(self, x):
        return self.fc(torch.relu(self.block(self.conv1(x)))).mean((2, 3))


class ShiftNet(nn.Module):
    """DeepShift layers of both kinds."""

    def __init__(self, method="ps", weight_bits=5):
        super().__init__()
        options = {"method": method, "weight_bits": weight_bits}
        self.conv1 = ShiftConv2d(3, 4, 3, **options)
        self.bn1 = nn.BatchNorm2d(4)
        self.linear = ShiftLinear(4, 6, **options)

    def forward(self, x):
        return self.linear(torch.relu(self.bn1(self.conv1(x))).mean((2, 3)))


class ShiftAddNet(nn.Module):
    """A shift layer and an adder layer behind it."""

    def __init__(self, weight_bits=5):
        super().__init__()
        shift = ShiftConv2d(3, 4, 3, bias=False, method="ps", weight_bits=weight_bits)
        self.conv1 = nn.Sequential(shift, AdderConv2d(4, 4, 3, padding=1, bias=False))
        self.bn1 = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.bn1(self.conv1(x)).mean((2, 3))


SYSTEM_OF = {AdderNet: "addernet", ShiftNet: "deepshift", ShiftAddNet: "shiftaddnet"}


def trained(network, seed=0):
    """The network with random numbers everywhere, BatchNorm's included."""
    torch.manual_seed(seed)
    for tensor in network.state_dict().values():
        if tensor.dtype == torch.float32 and tensor.dim() == 1:
            tensor.uniform_(0.5, 2)
    return network.eval()


def upstream(network):
    """The state dict under AdderNet's names: its bias is ``b``."""
    adders = {n for n, m in network.named_modules() if isinstance(m, AdderConv2d)}

    def name(key):
        layer, _, last = key.rpartition(".")
        return f"{layer}.b" if layer in adders and last == "bias" else key

    return {name(key): tensor for key, tensor in network.state_dict().items()}


def as_arrays(state):
    return {key: tensor.numpy() for key, tensor in state.items()}


def wrapped(state):
    """What training programs save, with an optimizer full of objects of their own."""
    parameter = nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], 0.1, momentum=0.9)
    parameter.sum().backward()
    optimizer.step()
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [80, 120])
    return {
        "epoch": 160,
        "arch": "resnet20",
        "state_dict": state,
        "best_prec1": torch.tensor(91.2),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": scheduler,
    }


def parallel(state):
    return {f"module.{key}": tensor for key, tensor in state.items()}


def legacy(value, path):
    torch.save(value, path, _use_new_zipfile_serialization=False)


def python2(state, path):
    """A legacy file as Python 2 and torch 0.3 wrote it: text is bytes, BatchNorm counts nothing."""
    state = {key: tensor for key, tensor in state.items() if tensor.dtype == torch.float32}
    entries, keys, storages = [], [], []
    for number, (key, tensor) in enumerate(state.items()):
        storage = text(str(number))
        identity = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + storage + text("cpu")
        identity += ints([tensor.numel()]) + b"NtQ"
        arguments = b"(" + identity + b"K\x00(" + ints(tensor.shape) + b"t("
        arguments += ints(tensor.stride()) + b"tt"
        rebuilt = b"ctorch._utils\n_rebuild_tensor\n" + arguments + b"R"
        entries.append(b"]" + text(key) + b"a" + rebuilt + b"aa")
        keys.append(storage + b"a")
        storages.append(struct.pack("<q", tensor.numel()) + tensor.numpy().tobytes())
    system = {"little_endian": True, "protocol_version": 1001}
    head = [pickle.dumps(value, 2) for value in (0x1950A86A20F9469CFC6C, 1001, system)]
    body = [b"\x80\x02ccollections\nOrderedDict\n]", *entries, b"\x85R."]
    path.write_bytes(b"".join([*head, *body, b"\x80\x02]", *keys, b".", *storages]))


def text(characters):
    return b"U" + bytes([len(characters)]) + characters.encode()


def ints(numbers):
    return b"".join(b"J" + struct.pack("<i", n) for n in numbers)


def pickled_elsewhere(network, path, save, name="upstream_models.resnet"):
    """Pickles the whole module as one of a package that is gone when the file is read."""
    module = types.ModuleType(name)
    kinds = {type(part) for part in network.modules() if type(part).__module__ != "torch.nn"}
    own = {kind for kind in kinds if not kind.__module__.startswith("torch.")}
    homes = {kind: kind.__module__ for kind in own}
    package = types.ModuleType(name.partition(".")[0])
    sys.modules |= {package.__name__: package, name: module}
    try:
        for kind in own:
            kind.__module__ = name
            setattr(module, kind.__name__, kind)
        save(network, path)
    finally:
        for kind, home in homes.items():
            kind.__module__ = home
        del sys.modules[name], sys.modules[package.__name__]


def read(path, kind, **options):
    """The file in a new network of the class ``kind``."""

    def build(shown):
        return kind() if kind is AdderNet else kind(**pick(kind, shown))

    return import_into(Path(path), build, system=SYSTEM_OF[kind], **options)


def pick(kind, shown):
    wanted = ("method", "weight_bits") if kind is ShiftNet else ("weight_bits",)
    return {name: shown[name] for name in wanted}


def same(network, found):
    """Whether both compute the very same numbers."""
    x = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        return torch.equal(network(x), found.module(x))


def refusal(path, kind=AdderNet, **options):
    """What the error says."""
    try:
        read(path, kind, **options)
    except SlipstickError as error:
        return str(error)
    raise AssertionError("the file was read")
