"""Files that want something executed, or lie about themselves: one error, and nothing happens."""

import builtins
import functools
import os
import pickle
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from importer_files import (
    AdderNet,
    legacy,
    pickled_elsewhere,
    python2,
    read,
    refusal,
    trained,
    upstream,
    wrapped,
)
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.importers import archive, machine, opcodes, state

pytestmark = pytest.mark.filterwarnings("ignore:Couldn't retrieve source code")

EXECUTED = []
"""What Python's audit events say was executed while a file was read."""
WATCHED = {"pickle.find_class", "os.system", "os.exec", "subprocess.Popen"}
WATCHING = [False]


def _watch(event, _arguments):
    if WATCHING[0] and event in WATCHED:
        EXECUTED.append(event)


sys.addaudithook(_watch)


def refused(path, kind=AdderNet):
    """What the error says, of a file that must not be read and must not execute anything."""
    EXECUTED.clear()
    WATCHING[0] = True
    try:
        return refusal(path, kind)
    finally:
        WATCHING[0] = False
        assert EXECUTED == []


@pytest.fixture
def path(tmp_path):
    return tmp_path / "x.pth"


class Call:
    """Pickles as a call of ``function``."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


CALLS = {
    "posix.system": Call(os.system, "touch executed"),
    "builtins.eval": Call(eval, "open('executed', 'w')"),
    "builtins.exec": Call(exec, "open('executed', 'w')"),
    "builtins.getattr": Call(getattr, "executed", "upper"),
    "builtins.__import__": Call(__import__, "antigravity"),
    "io.open": Call(builtins.open, "executed", "w"),
    "functools.partial": functools.partial(print, "executed"),
    "subprocess.Popen": Call(subprocess.Popen, ["touch", "executed"]),
    "pathlib.PosixPath": Path("executed"),
    "torch.serialization.load": Call(torch.load, "executed"),
    "torch.hub.load": Call(torch.hub.load, "executed"),
    "torch.storage._load_from_bytes": Call(torch.storage._load_from_bytes, b"executed"),
    "numpy.load": Call(np.load, "executed"),
    "importer_files.trained": Call(trained, "executed"),
    "torch.nn.modules.linear.Linear": Call(nn.Linear, 3, 3),
}
SAVES = {"zip": torch.save, "legacy": legacy, "plain": lambda v, p: p.write_bytes(pickle.dumps(v))}


@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
@pytest.mark.parametrize("name", CALLS)
def test_calls_are_refused_by_name(path, monkeypatch, save, name):
    monkeypatch.chdir(path.parent)
    save({"state_dict": {"w": 1}, "optimizer": CALLS[name]}, path)
    # Protocol 2 has Python 2's names.
    message = refused(path).replace("__builtin__.", "builtins.").replace("commands.", "subprocess.")
    assert f"asks for code: {name};" in message
    assert os.listdir(path.parent) == ["x.pth"]


OPCODES = {
    "posix.system": b"cposix\nsystem\n(S'touch executed'\ntR.",
    "os.system": b"(S'touch executed'\nios\nsystem\n.",
    "commands.getoutput": b"(ccommands\ngetoutput\nS'touch executed'\no.",
    "builtins.eval": b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.",
    "os.popen": b"\x80\x02cos\npopen\nU\x01x\x85\x81.",
    "copyreg.add_extension": b"ccopyreg\nadd_extension\n(S'os'\nS'system'\nI1\ntR.",
    "sys.modules": b"csys\nmodules\n.",
    "models.evil": b"cmodels\nevil\n(tR.",
    "a Record": b"(imodels\nEvil\n(tR.",
    "a str": b"\x80\x02U\x05print(tR.",
}


@pytest.mark.parametrize("name", OPCODES)
def test_every_operation_that_calls(path, monkeypatch, name):
    monkeypatch.chdir(path.parent)
    path.write_bytes(OPCODES[name])
    assert f"asks for code: {name}" in refused(path)
    assert os.listdir(path.parent) == ["x.pth"]


def test_names_that_a_terminal_would_obey(path):
    path.write_bytes(b"cos\n\x1b[2Jsystem\n.")
    assert r"asks for code: os.\x1b[2Jsystem" in refused(path)
    for name in ("\x1b[2J", "a\nb", "x" * 1000):
        torch.save({name: torch.ones(1)}, path)
        message = refused(path)
        assert "has a tensor of the name" in message
        assert message.isprintable()


def test_classes_of_nobody_are_inert(path):
    # No import of the module, no __init__, no __setstate__: it has no meaning here.
    path.write_bytes(b"\x80\x02canti.gravity\nClass\n)\x81}U\x01aK\x01sb.")
    assert "holds a 'anti.gravity.Class', which is no module of torch" in refused(path)
    assert "anti" not in sys.modules


BROKEN = {
    "empty": b"",
    "text": b"a network " * 20,
    "only a protocol": b"\x80\x02",
    "no value": b"\x80\x02.",
    "no mark": b"\x80\x02t.",
    "below a mark": b"\x80\x02N(0a.",
    "unknown operation": b"\x80\x02\xff.",
    "no memo": b"\x80\x02h\x07.",
    "extension": b"\x80\x02\x82\x01.",
    "out of band": b"\x80\x05\x97.",
    "named storage": b"(P0\n.",
    "storage of nobody": b"\x80\x02K\x01Q.",
    "declared longer": b"\x80\x02X\xff\xff\xff\x7fabc.",
    "declared huge": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.",
    "declared negative": b"\x80\x02T\xff\xff\xff\xffabc.",
    "huge number": b"(I" + b"9" * 10000 + b"\n.",
    "state of a list": b"\x80\x02]}b.",
    "list of a dict": b"\x80\x02}Na.",
    "dict of a list": b"\x80\x02]NNs.",
    "key without value": b"\x80\x02}(Nu.",
    "list as a key": b"\x80\x02}]Ns.",
    "deep tuple as a key": b"\x80\x02}" + b")" + b"2\x86" * 60 + b"Ns.",
    "many values": b"\x80\x02(" + b"N" * (opcodes.MOST_OPERATIONS + 1),
    "magic alone": pickle.dumps(0x1950A86A20F9469CFC6C, 2),
    "a number": pickle.dumps(3),
    "none": pickle.dumps(None),
    "list": pickle.dumps([np.ones(3)]),
    "no tensors": pickle.dumps({}),
    "numbers": pickle.dumps({"w": 1.5, "b": "x"}),
    "objects": pickle.dumps({"w": np.array([None, 1], object)}),
    "texts": pickle.dumps({"w": np.array(["a"])}),
    "records": pickle.dumps({"w": np.zeros(2, [("a", "f4")])}),
    "complex": pickle.dumps({"w": np.zeros(2, complex)}),
    "array without numbers": b"\x80\x02}U\x01wcnumpy.core.multiarray\n_reconstruct\n)Rs.",
    "zip": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_pickles(path, kind):
    path.write_bytes(BROKEN[kind])
    assert refused(path).startswith(f"File '{path}': ")


def cyclic_list():
    value = []
    value.append(value)
    return value


def cyclic_dict():
    value = {}
    value["state_dict"] = value
    return value


@pytest.mark.parametrize("make", [cyclic_list, cyclic_dict])
@pytest.mark.parametrize("save", SAVES.values(), ids=SAVES)
def test_cyclic_containers(path, make, save):
    save(make(), path)
    assert "x.pth" in refused(path)


def test_cyclic_modules(path):
    network = AdderNet()
    network.block._modules["again"] = network
    pickled_elsewhere(network, path, torch.save)
    assert "cyclic module" in refused(path)


@pytest.mark.parametrize("part", [nn.Linear(1, 1), nn.ReLU()], ids=["tensors", "nothing"])
def test_modules_that_share_their_parts_have_a_limit(path, part):
    network = part
    for _ in range(15):
        network = nn.Sequential(network, network)
    torch.save(network, path)
    assert "impossible size" in refused(path)


@pytest.mark.parametrize(
    "copies",
    [
        b"ccollections\nOrderedDict\nh\x01\x85R",
        b"ctorch\nSize\nh\x00\x85R",
        b"c_codecs\nencode\nh\x02\x85R",
        b"cmodels\nNet\n)\x81h\x01b",
        b"cmodels\nNet\nh\x03\x81",
    ],
)
def test_copies_of_one_large_value_have_a_limit(path, monkeypatch, copies):
    monkeypatch.setattr(machine, "MOST_COPIED", 1 << 27)
    # 16 MiB of text, list, dict and tuple with 2 ** 15 entries; each is copied often.
    values = [b"](" + b"N" * 32768 + b"eq\x00", b"}(", b"".join(map(entry, range(32768)))]
    values += [b"uq\x01", b"X" + struct.pack("<i", 1 << 24) + b"a" * (1 << 24) + b"q\x02"]
    values += [b"(" + b"N" * 32768 + b"tq\x03"]
    path.write_bytes(b"\x80\x02" + b"".join(values) + copies * 2000 + b".")
    assert "takes more than 128 MiB to read" in refused(path)


def entry(number):
    return b"J" + struct.pack("<i", number) + b"N"


def test_tensors_that_share_their_numbers_have_a_limit(path, monkeypatch):
    monkeypatch.setattr(state, "MOST_NUMBERS", 1000)
    whole = torch.zeros(100)
    torch.save({f"w{number}": whole for number in range(11)}, path)
    assert "impossible size" in refused(path)


# Files of torch whose parts contradict each other.


def rezipped(path, change):
    """The archive with each file's name and content changed; None leaves it out."""
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in files.items():
            changed = change(name.partition("/")[2], content)
            if changed is not None:
                new.writestr(name, changed)


REZIPPED = {
    "no pickle": lambda name, content: None if name == "data.pkl" else content,
    "no storage": lambda name, content: None if name == "data/0" else content,
    "short storage": lambda name, content: content[:-1] if name == "data/0" else content,
    "long storage": lambda name, content: content + b"1" if name == "data/0" else content,
    "big-endian": lambda name, content: b"big" if name == "byteorder" else content,
    "short pickle": lambda name, content: content[:-5] if name == "data.pkl" else content,
}


@pytest.mark.parametrize("kind", REZIPPED)
def test_changed_archives(path, kind):
    torch.save(upstream(AdderNet()), path)
    rezipped(path, REZIPPED[kind])
    assert "x.pth" in refused(path)


def test_two_files_of_one_name(path):
    torch.save(upstream(AdderNet()), path)
    with zipfile.ZipFile(path, "a") as changed, pytest.warns(UserWarning, match="Duplicate"):
        changed.writestr(next(n for n in changed.namelist() if n.endswith("data.pkl")), b"N.")
    assert "one name" in refused(path)


@pytest.mark.parametrize("save", [torch.save, legacy])
def test_huge_files(path, monkeypatch, save):
    save(upstream(AdderNet()), path)
    for module in ("archive", "read"):
        monkeypatch.setattr(f"slipstick.importers.{module}.LARGEST_BYTES", 1000)
    assert "MiB" in refused(path)


def test_archive_that_unpacks_to_more(path, monkeypatch):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("a/data.pkl", bytes(1 << 20))
    monkeypatch.setattr(archive, "LARGEST_BYTES", 1 << 19)
    assert "MiB" in refused(path)


def test_exported_programs_and_scripts_are_named(path, model):
    assert "is an exported program already" in refused(model)
    with zipfile.ZipFile(path, "w") as script:
        script.writestr("net/data.pkl", b"N.")
        script.writestr("net/code/net.py", b"")
    assert "is a TorchScript program" in refused(path)


def tensor_pickle(count, offset, shape, stride, kind=b"FloatStorage"):
    """A legacy file of one tensor of three numbers that says this of itself."""

    def number(value):
        return b"\x8a\x08" + struct.pack("<q", value)

    def numbers(values):
        return b"(" + b"".join(map(number, values)) + b"t"

    identity = b"(U\x07storagectorch\n" + kind + b"\nU\x010U\x03cpu" + number(count) + b"NtQ"
    arguments = identity + number(offset) + numbers(shape) + numbers(stride)
    body = b"\x80\x02}U\x01wctorch._utils\n_rebuild_tensor\n(" + arguments + b"tRs."
    system = {"little_endian": True}
    head = b"".join(pickle.dumps(v, 2) for v in (0x1950A86A20F9469CFC6C, 1001, system))
    return head + body + pickle.dumps(["0"], 2) + struct.pack("<q3f", 3, 1, 2, 3)


LIES = {
    "more numbers": (4, 0, [3], [1]),
    "fewer numbers": (2, 0, [2], [1]),
    "numbers below 0": (-1, 0, [3], [1]),
    "huge": (1 << 60, 0, [1 << 60], [1]),
    "beyond its end": (3, 1, [3], [1]),
    "stride beyond its end": (3, 0, [2], [3]),
    "offset below 0": (3, -1, [3], [1]),
    "offset overflows": (3, (1 << 63) - 1, [1], [1]),
    "stride below 0": (3, 2, [3], [-1]),
    "size below 0": (3, 0, [-3], [1]),
    "more axes": (3, 0, [3, 1], [1]),
    "everywhere the same": (3, 0, [1 << 30], [0]),
    "overflow": (3, 0, [1 << 40, 1 << 40], [0, 0]),
    "overflow of nothing": (3, 0, [0, 1 << 40, 1 << 40], [0, 0, 0]),
    "twenty axes": (3, 0, [1] * 20, [1] * 20),
}


def test_the_truth_about_a_tensor_is_read(path):
    path.write_bytes(tensor_pickle(3, 0, [3], [1]))
    assert "has unknown w" in refused(path)


@pytest.mark.parametrize("kind", LIES)
def test_lies_about_a_tensor(path, kind):
    path.write_bytes(tensor_pickle(*LIES[kind]))
    assert "truncated or damaged" in refused(path)


def test_unknown_storage(path):
    path.write_bytes(tensor_pickle(3, 0, [3], [1], b"QUInt8Storage"))
    assert "torch.QUInt8Storage" in refused(path)


# Whatever happens to a file on its way.


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    """One small file of each format, and hostile ones."""
    folder = tmp_path_factory.mktemp("samples")
    values = upstream(trained(AdderNet()))
    writers = {
        "zip": lambda path: torch.save(wrapped(values), path),
        "legacy": lambda path: legacy(wrapped(values), path),
        "module": lambda path: pickled_elsewhere(AdderNet(), path, legacy),
        "python2": lambda path: python2(values, path),
        "numpy": lambda path: path.write_bytes(
            pickle.dumps({key: tensor.numpy() for key, tensor in values.items()}, 2)
        ),
        "trap": lambda path: path.write_bytes(pickle.dumps(CALLS["posix.system"], 0)),
    }
    for name, write in writers.items():
        write(folder / name)
    return {name: (folder / name).read_bytes() for name in writers}


def try_to_read(path):
    """Reads the file or gives the one error; nothing else, and executes nothing."""
    EXECUTED.clear()
    WATCHING[0] = True
    try:
        read(path, AdderNet)
    except SlipstickError:
        pass
    finally:
        WATCHING[0] = False
        assert EXECUTED == []


@pytest.mark.filterwarnings("ignore:.*also holds")
@pytest.mark.parametrize("name", ["zip", "legacy", "module", "python2", "numpy", "trap"])
def test_damaged_files_are_one_error(samples, tmp_path_factory, name):
    path = tmp_path_factory.mktemp("damaged") / "x.pth"
    content = samples[name]

    @given(st.data())
    def damage(data):
        changed = bytearray(content)
        # Most of a file is numbers; most of what can go wrong stands before them.
        places = st.one_of(
            st.integers(0, len(content) - 1), st.integers(0, min(len(content), 900) - 1)
        )
        for place in data.draw(st.lists(places, max_size=3)):
            changed[place] = data.draw(st.integers(0, 255))
        path.write_bytes(changed[: data.draw(st.one_of(st.just(len(changed)), places))])
        try_to_read(path)

    damage()
    assert os.listdir(path.parent) == ["x.pth"]


def test_whatever_bytes(tmp_path_factory):
    path = tmp_path_factory.mktemp("bytes") / "x.pth"
    operations = st.sampled_from(
        sorted(code.encode("latin-1") for code in opcodes.pickletools.code2op)
    )

    @given(st.lists(st.one_of(operations, st.binary(max_size=4)), max_size=60))
    def draw(parts):
        path.write_bytes(b"\x80\x02" + b"".join(parts) + b".")
        try_to_read(path)

    draw()
