"""Model files: what is loaded, what is refused, and that nothing in them is executed."""

import io
import json
import os
import pickle
import zipfile

import pytest
import torch
from torch import nn

from slipstick.errors import SlipstickError
from slipstick.frontend import archive, export_module, import_program, load_program, run_float
from slipstick.nn import AdderConv2d, ShiftConv2d, ShiftLinear


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = ShiftConv2d(1, 3, 3, stride=2)
        self.act = nn.ReLU(inplace=True)
        self.adder = AdderConv2d(3, 3, 3, padding=1)
        self.norm = nn.BatchNorm2d(3)
        self.head = ShiftLinear(27, 4, method="ps")

    def forward(self, x):
        return self.head(self.norm(self.adder(self.act(self.conv(x)))).flatten(1))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A good file."""
    path = tmp_path_factory.mktemp("model") / "small.pt2"
    torch.manual_seed(0)
    torch.export.save(export_module(Small(), torch.zeros(2, 1, 8, 8)), path)
    return path


def rewritten(source, target, change):
    """Copies an archive; ``change`` maps name and content to new content or None."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def refusal(path):
    with pytest.raises(SlipstickError) as error:
        load_program(path)
    text = str(error.value)
    assert text.startswith(f"Model '{path}': ")
    assert "\n" not in text
    return text


class Trap:
    """Makes a folder when it is unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_saved_program_comes_back(saved):
    torch.manual_seed(0)
    module = Small().eval()
    graph = import_program(load_program(saved))
    images = torch.randn(3, 1, 8, 8)
    with torch.no_grad():
        torch.testing.assert_close(
            run_float(graph, images)[graph.output].flatten(1),
            module(images),
            rtol=1e-4,
            atol=1e-3,
        )
    assert graph.names == ("input", "conv", "act", "adder", "norm", "flatten", "head")


def test_missing_and_folder(tmp_path):
    assert "does not exist" in refusal(tmp_path / "no.pt2")
    assert "is a folder" in refusal(tmp_path)


@pytest.mark.parametrize("size", [0, 1, 100, 1000, -100, -1])
def test_truncated(tmp_path, saved, size):
    path = tmp_path / "short.pt2"
    path.write_bytes(saved.read_bytes()[:size])
    assert refusal(path)


def test_every_kind_of_other_file(tmp_path):
    path = tmp_path / "m.pt2"
    path.write_bytes(b"weights " * 50)
    assert "not a zip archive" in refusal(path)
    path.write_bytes(pickle.dumps({"a": 1}))
    assert "is a pickle" in refusal(path)
    torch.save(Small().state_dict(), path)
    text = refusal(path)
    assert "is a pickled checkpoint" in text
    assert "torch.export.export" in text
    with zipfile.ZipFile(path, "w") as target:
        target.writestr("a/readme", "hello")
    assert "holds no exported program" in refusal(path)


def test_flipped_bits(tmp_path, saved):
    content = bytearray(saved.read_bytes())
    with zipfile.ZipFile(saved) as source:
        weight = source.read("small/data/weights/weight_0")
    content[content.index(weight) + 1] ^= 255
    path = tmp_path / "flipped.pt2"
    path.write_bytes(content)
    assert "damaged" in refusal(path)


def test_program_that_is_no_program(tmp_path, saved):
    for number, text in enumerate([b"{", b"[]", b"{}", b'{"graph_module": 1}']):
        path = tmp_path / f"{number}.pt2"
        rewritten(saved, path, lambda n, c, t=text: t if n.endswith("model.json") else c)
        refusal(path)


def test_unknown_tables(tmp_path, saved):
    for number, text in enumerate([b"{}", b'{"config": {"a": {}}}', b'{"config": {"a": 1}}', b"3"]):
        path = tmp_path / f"{number}.pt2"
        rewritten(saved, path, lambda n, c, t=text: t if n.endswith("weights_config.json") else c)
        refusal(path)


def test_missing_member(tmp_path, saved):
    path = tmp_path / "lacks.pt2"
    rewritten(saved, path, lambda n, c: None if n.endswith("weights/weight_0") else c)
    refusal(path)


def test_old_format(tmp_path, saved):
    path = tmp_path / "old.pt2"
    rewritten(saved, path, lambda n, c: None if n.endswith("_config.json") else c)
    assert "old torch versions" in refusal(path)


def test_two_files_of_one_name(tmp_path, saved):
    path = rewritten(saved, tmp_path / "twice.pt2", lambda n, c: c)
    with zipfile.ZipFile(path, "a") as target:
        target.writestr("other/models/model.json", "{}")
    assert "two files of one name" in refusal(path)


def test_a_file_that_unpacks_to_too_much(tmp_path, saved, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST_BYTES", 1 << 16)
    path = tmp_path / "bomb.pt2"
    rewritten(saved, path, lambda n, c: c)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as target:
        target.writestr("small/extra/zeros", bytes(1 << 20))
    assert path.stat().st_size < 1 << 17
    assert "unpacks to" in refusal(path)


def test_pickled_weight_is_not_executed(tmp_path, saved):
    content = io.BytesIO()
    torch.save(Trap(tmp_path / "executed"), content)

    def change(name, old):
        if name.endswith("weights_config.json"):
            return json.dumps(marked(json.loads(old))).encode()
        return content.getvalue() if name.endswith("weights/weight_0") else old

    def marked(document):
        next(iter(document["config"].values()))["use_pickle"] = True
        return document

    assert "as a pickled object" in refusal(rewritten(saved, tmp_path / "trap.pt2", change))
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("name", ["opaque_obj_0", "custom_obj_0"])
def test_pickled_constant_is_not_executed(tmp_path, saved, name):
    entry = {"path_name": name, "is_param": False, "use_pickle": False, "tensor_meta": None}

    def change(member, old):
        return (
            json.dumps({"config": {"c": entry}}).encode()
            if member.endswith("constants_config.json")
            else old
        )

    path = rewritten(saved, tmp_path / "trap.pt2", change)
    with zipfile.ZipFile(path, "a") as target:
        target.writestr(f"small/data/constants/{name}", pickle.dumps(Trap(tmp_path / "executed")))
    assert "as a pickled object" in refusal(path)
    assert not (tmp_path / "executed").exists()


def test_sample_input_is_not_executed(tmp_path, saved):
    content = io.BytesIO()
    torch.save(Trap(tmp_path / "executed"), content)
    path = rewritten(
        saved,
        tmp_path / "trap.pt2",
        lambda n, c: content.getvalue() if "sample_inputs" in n else c,
    )
    assert "sample input" in refusal(path)
    assert not (tmp_path / "executed").exists()


def test_old_pickled_weights_are_not_executed(tmp_path, saved):
    content = io.BytesIO()
    torch.save(Trap(tmp_path / "executed"), content)
    path = rewritten(saved, tmp_path / "trap.pt2", lambda n, c: c)
    with zipfile.ZipFile(path, "a") as target:
        for folder in ("weights", "constants"):
            target.writestr(f"small/data/{folder}/model.pt", content.getvalue())
    # torch prefers these files to the tables; here they are left out.
    load_program(path)
    assert not (tmp_path / "executed").exists()


def test_symbolic_size_is_not_executed(tmp_path, saved):
    attack = f"__import__('os').mkdir('{tmp_path / 'executed'}')"

    def change(name, old):
        # The JSON text of the size, quotes and all.
        size = b"Symbol('s77', positive=True, integer=True)"
        return old.replace(size, attack.encode()) if name.endswith("model.json") else old

    path = rewritten(saved, tmp_path / "trap.pt2", change)
    assert "symbolic size" in refusal(path)
    assert not (tmp_path / "executed").exists()


@pytest.mark.parametrize("tower", ["9**9**9**9", "Pow(Integer(9), Pow(Integer(9), Integer(99)))"])
def test_symbolic_size_that_takes_for_ever(tmp_path, saved, tower):
    def change(name, old):
        size = b"Symbol('s77', positive=True, integer=True)"
        return old.replace(size, tower.encode()) if name.endswith("model.json") else old

    assert "symbolic size" in refusal(rewritten(saved, tmp_path / "tower.pt2", change))


def test_errors_are_not_logged_as_well(tmp_path, saved, capfd):
    path = tmp_path / "lacks.pt2"
    rewritten(saved, path, lambda n, c: None if n.endswith("weights/weight_0") else c)
    refusal(path)
    assert capfd.readouterr() == ("", "")
