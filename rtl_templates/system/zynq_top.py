"""The whole fabric of a Zynq-7000: the system core between the ports of the processor."""

from collections.abc import Callable
from functools import partial

from amaranth.hdl import (
    C,
    Cat,
    ClockDomain,
    ClockSignal,
    Instance,
    Module,
    ResetSignal,
    Signal,
    Value,
)
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import Out, PureInterface

from slipstick.rtl_templates.system import axi
from slipstick.rtl_templates.system.axi3 import GP, HP_ID_BITS
from slipstick.rtl_templates.system.register_bridge import RegisterBridge

__all__ = ["MEMORY", "SYSTEM", "ZynqTop", "instance_ports"]

SYSTEM = "slipstick_system"
"""The system core's Verilog module."""
MEMORY = wiring.Signature({**axi.READ.members, **axi.WRITE.members})
"""The system core's master."""
CLOCKS = 4
INTERRUPTS = 20


class ZynqTop(wiring.Component):
    """Connects the system core with `PS7`: registers at GP0, memory at HP0, interrupt 61.

    The bus clock is FCLK0, that of a core with a clock of its own FCLK1. The processor's own
    pins (DDR, MIO) are no ports: they are wired inside the chip and set up by the boot code, as
    are the frequencies of the clocks.

    Parameters
    ----------
    base : where the processor finds the registers, as `RegisterBridge`.
    separate_clocks : the stream core has a clock of its own.
    led : there is an LED.

    Members
    -------
    led : shows the interrupt; only with ``led``.
    """

    def __init__(self, base: int, separate_clocks: bool, led: bool) -> None:
        self._base, self._separate_clocks = base, separate_clocks
        super().__init__({"led": Out(1)} if led else {})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bridge = bridge = RegisterBridge(self._base)
        memory = MEMORY.create(path=("m_axi",))
        clocks, resets, interrupt = Signal(CLOCKS), Signal(CLOCKS), Signal()
        self._clock(m, "sync", clocks[0])
        m.submodules.reset = ResetSynchronizer(~resets[0])
        if self._separate_clocks:
            self._clock(m, "core", clocks[1], reset_less=True)
        m.submodules.ps = Instance(
            "PS7",
            a_keep="true",
            o_FCLKCLK=clocks,
            o_FCLKRESETN=resets,
            i_IRQF2P=Cat(interrupt, C(0, INTERRUPTS - 1)),
            **_gp_ports("MAXIGP0", bridge.gp),
            **_hp_ports("SAXIHP0", memory),
        )
        core_clock = {"i_core_clk": ClockSignal("core")} if self._separate_clocks else {}
        m.submodules.system = Instance(
            SYSTEM,
            i_clk=ClockSignal(),
            i_rst=ResetSignal(),
            o_interrupt=interrupt,
            **core_clock,
            **instance_ports("s_axi_", axi.LITE.flip(), partial(getattr, bridge.bus)),
            **instance_ports("m_axi_", MEMORY, partial(getattr, memory)),
        )
        if "led" in self.signature.members:
            m.d.comb += self.led.eq(interrupt)
        return m

    def _clock(self, m: Module, name: str, source: Value, reset_less: bool = False) -> None:
        domain = ClockDomain(name, reset_less=reset_less)
        m.domains += domain
        m.submodules[f"{name}_buffer"] = Instance("BUFG", i_I=source, o_O=domain.clk)


def instance_ports(
    prefix: str, signature: wiring.Signature, signal: Callable[[str], Value]
) -> dict[str, Value]:
    """Arguments of an `Instance` for its ports ``prefix`` + name of a member of ``signature``.

    Parameters
    ----------
    signature : the ports, seen from the instance.
    signal : what is connected to the port of a member.
    """
    directions = {wiring.In: "i", wiring.Out: "o"}
    return {
        f"{directions[member.flow]}_{prefix}{name}": signal(name)
        for name, member in signature.members.items()
    }


def _gp_ports(prefix: str, gp: PureInterface) -> dict[str, Value]:
    """Of `PS7`'s master port ``prefix`` for the processor's accesses ``gp``."""
    directions = {wiring.In: "i", wiring.Out: "o"}
    ports = {
        f"{directions[member.flow]}_{prefix}{name.upper()}": getattr(gp, name)
        for name, member in GP.members.items()
    }
    return {f"i_{prefix}ACLK": ClockSignal(), **ports}


def _hp_ports(prefix: str, memory: PureInterface) -> dict[str, Value]:
    """Of `PS7`'s slave port ``prefix`` for the AXI4 master ``memory``, whose bursts fit AXI3."""
    inputs: dict[str, Value] = {"aclk": ClockSignal(), "wid": C(0, HP_ID_BITS)}
    for channel in ("aw", "ar"):
        inputs |= {
            f"{channel}id": C(0, HP_ID_BITS),
            f"{channel}len": getattr(memory, f"{channel}len")[:4],
            f"{channel}size": getattr(memory, f"{channel}size")[:2],
            f"{channel}lock": C(0, 2),
            f"{channel}qos": C(0, 4),
        }
    for name in (
        *("awaddr", "awburst", "awcache", "awprot", "awvalid"),
        *("araddr", "arburst", "arcache", "arprot", "arvalid"),
        *("wdata", "wstrb", "wlast", "wvalid", "bready", "rready"),
    ):
        inputs[name] = getattr(memory, name)
    outputs = (
        *("awready", "wready", "bresp", "bvalid"),
        *("arready", "rdata", "rresp", "rlast", "rvalid"),
    )
    return {
        **{f"i_{prefix}{name.upper()}": value for name, value in inputs.items()},
        **{f"o_{prefix}{name.upper()}": getattr(memory, name) for name in outputs},
    }
