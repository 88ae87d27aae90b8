"""Tops of IP cores for block designs: nothing but wires under the names that Vivado infers.

Vivado takes no SystemVerilog as the top of a core; modules without logic are plain Verilog.
"""

from amaranth.hdl import Instance, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.system import axi
from slipstick.rtl_templates.system.zynq_top import MEMORY, SYSTEM, instance_ports

__all__ = ["AxisIp", "SystemIp"]


class SystemIp(wiring.Component):
    """The system core as an IP core.

    Parameters
    ----------
    separate_clocks : the stream core has a clock of its own.

    Members
    -------
    aclk, aresetn : clock of both buses, reset, active low and synchronous to it.
    core_clk : the stream core's clock; only with ``separate_clocks``.
    s_axi_..., m_axi_..., interrupt : as `slipstick_system`.
    """

    def __init__(self, separate_clocks: bool) -> None:
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                **({"core_clk": In(1)} if separate_clocks else {}),
                **_flat("s_axi", axi.LITE.flip()),
                **_flat("m_axi", MEMORY),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        clock = {"i_core_clk": self.core_clk} if "core_clk" in self.signature.members else {}
        m.submodules.system = Instance(
            SYSTEM,
            i_clk=self.aclk,
            i_rst=~self.aresetn,
            o_interrupt=self.interrupt,
            **clock,
            **self._bus("s_axi", axi.LITE.flip()),
            **self._bus("m_axi", MEMORY),
        )
        return m

    def _bus(self, prefix: str, signature: wiring.Signature) -> dict[str, Value]:
        return instance_ports(
            f"{prefix}_", signature, lambda name: getattr(self, f"{prefix}_{name}")
        )


class AxisIp(wiring.Component):
    """The stream core between AXI4-Stream ports, whose TDATA are whole bytes.

    A beat lies in the low bits; those above it are ignored at the input and 0 at the output.

    Parameters
    ----------
    core : the stream core's Verilog module.
    input_bits, output_bits : bits of a beat.

    Members
    -------
    aclk, aresetn : clock, and reset, active low and synchronous to it.
    s_axis_..., m_axis_... : frames in, results out, TLAST with the last beat of each.
    error_short, error_long : sticky, an input frame ended early, or late.
    """

    def __init__(self, core: str, input_bits: int, output_bits: int) -> None:
        self._core, self._input_bits, self._output_bits = core, input_bits, output_bits
        super().__init__(
            {
                "aclk": In(1),
                "aresetn": In(1),
                "s_axis_tdata": In(_padded(input_bits)),
                "s_axis_tvalid": In(1),
                "s_axis_tready": Out(1),
                "s_axis_tlast": In(1),
                "m_axis_tdata": Out(_padded(output_bits)),
                "m_axis_tvalid": Out(1),
                "m_axis_tready": In(1),
                "m_axis_tlast": Out(1),
                "error_short": Out(1),
                "error_long": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core = Instance(
            self._core,
            i_clk=self.aclk,
            i_rst=~self.aresetn,
            i_i_data=self.s_axis_tdata[: self._input_bits],
            i_i_valid=self.s_axis_tvalid,
            o_i_ready=self.s_axis_tready,
            i_i_last=self.s_axis_tlast,
            o_o_data=self.m_axis_tdata[: self._output_bits],
            o_o_valid=self.m_axis_tvalid,
            i_o_ready=self.m_axis_tready,
            o_o_last=self.m_axis_tlast,
            o_error_short=self.error_short,
            o_error_long=self.error_long,
        )
        return m


def _flat(prefix: str, signature: wiring.Signature) -> dict[str, wiring.Member]:
    """The members of ``signature`` as ports ``prefix_...``, joined by one underscore."""
    return {f"{prefix}_{name}": member for name, member in signature.members.items()}


def _padded(bits: int) -> int:
    return -(-bits // 8) * 8
