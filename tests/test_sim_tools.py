"""Tools that are missing, and options that do not go together."""

import pytest
from sim_toy import write_toy

from slipstick.errors import SlipstickError
from slipstick.sim import check_tools, simulate
from slipstick.sim.tools import require


def test_every_tool_is_looked_for():
    tools = {tool.name: tool for tool in check_tools()}
    assert set(tools) == {"g++", "make", "verilator", "libpython", "icarus"}
    assert all(tool.fix for tool in tools.values())


def test_missing_tools_are_named_with_their_package(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    tools = {tool.name: tool for tool in check_tools()}
    assert not tools["g++"].ok
    assert (tools["make"].ok, tools["make"].fix) == (False, "apt-get install make")
    with pytest.raises(SlipstickError, match=r"'icarus'.*apt-get install iverilog"):
        require("icarus")


def test_missing_libpython_is_named_with_its_package(monkeypatch):
    monkeypatch.setattr("slipstick.sim.tools.sysconfig.get_config_var", lambda _: None)

    def missing(_):
        raise OSError

    monkeypatch.setattr("slipstick.sim.tools.ctypes.CDLL", missing)
    with pytest.raises(SlipstickError, match=r"apt-get install libpython3\.\d+"):
        require("libpython")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"simulator": "modelsim"}, "choose verilator or icarus"),
        ({"simulator": "icarus", "fast": True}, "works with Verilator only"),
        ({"frames": 0}, "must be positive"),
        ({"waves": "w.txt"}, "name it"),
        ({"waves": "/nonexistent/w.vcd"}, "its folder does not exist"),
    ],
)
def test_options_that_do_not_go_together_are_one_error(tmp_path, options, message):
    with pytest.raises(SlipstickError, match=message):
        simulate(write_toy(tmp_path / "toy"), **options)
