"""The command line under test, and a network for it."""

import json
from types import SimpleNamespace

import torch
from torch import nn

from slipstick.cli import run
from slipstick.nn import AdderConv2d, ShiftConv2d, ShiftLinear


class Tiny(nn.Module):
    """All that a compile meets, as small as it gets."""

    def __init__(self, stem="stem"):
        super().__init__()
        torch.manual_seed(1)
        self.stem_name = stem
        self.add_module(stem, ShiftConv2d(1, 3, 3, padding=1))
        self.block = AdderConv2d(3, 3, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(3)
        self.head = ShiftLinear(3 * 4 * 4, 4)

    def forward(self, x):
        x = torch.relu(getattr(self, self.stem_name)(x))
        x = torch.relu(self.norm(self.block(x)))
        return self.head(nn.functional.max_pool2d(x, 2).flatten(1))


def export(module, path, example=None):
    example = torch.rand(1, 1, 8, 8) if example is None else example
    torch.export.save(torch.export.export(module.eval(), (example,)), path)
    return path


def call(capfd, *arguments):
    """Runs a command in this process: exit code, stdout, stderr."""
    code = run([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return SimpleNamespace(code=code, out=out, err=err)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(cli, folder, *arguments):
    """The error of a command that must fail: one line, exit 2, JSON alike, nothing left behind."""
    before = files_below(folder)
    plain = cli(*arguments)
    machine = cli(*arguments, "--json")
    assert plain.code == machine.code == 2
    assert plain.out == ""
    errors = [line for line in plain.err.splitlines() if not line.startswith("warning: ")]
    assert len(errors) == 1, plain.err
    error = json.loads(machine.out)["error"]
    assert errors[0] == "error: {thing}: {cause}; {fix}".format(
        **{name: " ".join(text.split()) for name, text in error.items()}
    )
    assert all(error.values())
    assert files_below(folder) == before
    return errors[0]
