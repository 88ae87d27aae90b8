"""The system core: frames and results in memory, commands in registers."""

from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.registers import RegisterMap
from slipstick.rtl_templates.system import axi
from slipstick.rtl_templates.system.counted_core import CountedCore
from slipstick.rtl_templates.system.crossed_core import CrossedCore
from slipstick.rtl_templates.system.data_path import DataPath
from slipstick.rtl_templates.system.parameters import SystemParameters
from slipstick.rtl_templates.system.register_block import RegisterBlock
from slipstick.rtl_templates.system.run_counters import EVENTS, RunCounters
from slipstick.rtl_templates.system.supervisor import Supervisor

BUS_ERRORS = ("read_slverr", "read_decerr", "write_slverr", "write_decerr")
CORE_ERRORS = {
    "short_frame": "set_short",
    "long_frame": "set_long",
    "saturation": "set_saturation",
    "watchdog": "set_watchdog",
    "start_while_busy": "set_busy_start",
}
"""Flags of ``ERRORS``, and what sets them in the supervisor."""


class SystemCore(wiring.Component):
    """A stream core between an AXI4 master and registers on AXI4-Lite; see docs/system.md.

    Parameters
    ----------
    parameters : the stream core, its formats and its clock.
    registers : the register map, for as many stages.

    Members
    -------
    core_clk : the stream core's clock; only where it has one of its own.
    s_axi_... : AXI4-Lite slave, names of `axi.LITE`.
    m_axi_... : AXI4 master, names of `axi.READ` and `axi.WRITE`.
    interrupt : level.
    """

    def __init__(self, parameters: SystemParameters, registers: RegisterMap) -> None:
        self._parameters, self._registers = parameters, registers
        core = CountedCore(parameters)
        self._core = CrossedCore(core) if parameters.separate_clocks else core
        clock = {"core_clk": In(1)} if parameters.separate_clocks else {}
        super().__init__(
            {
                **clock,
                **_ports("s_axi", axi.LITE.flip()),
                **_ports("m_axi", axi.READ),
                **_ports("m_axi", axi.WRITE),
                "interrupt": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        p, core = self._parameters, self._core
        m.submodules.core = core
        m.submodules.registers = block = RegisterBlock(self._registers)
        m.submodules.supervisor = boss = Supervisor(p.frame.bytes, core.settle)
        m.submodules.counters = counters = RunCounters()
        path = DataPath(p.frame, p.result)
        m.submodules.path = ResetInserter(boss.path_reset)(path)
        if isinstance(core, CrossedCore):
            m.d.comb += core.core_clk.eq(self.core_clk)
        self._join(m, "s_axi", block.bus)
        self._join(m, "m_axi", path.read)
        self._join(m, "m_axi", path.write)
        wiring.connect(m, path.o, core.i)
        wiring.connect(m, core.o, path.i)
        self._command(m, block, boss, path)
        self._watch(m, block, boss, path)
        self._count(m, block, boss, path, counters)
        self._show(m, block, boss, path)
        return m

    def _join(self, m: Module, prefix: str, bus: wiring.PureInterface) -> None:
        """Joins our flat ports and the bus of the same names inside."""
        for name, member in bus.signature.members.items():
            port, inside = getattr(self, f"{prefix}_{name}"), getattr(bus, name)
            m.d.comb += port.eq(inside) if member.flow == Out else inside.eq(port)

    def _command(self, m: Module, block: RegisterBlock, boss: Supervisor, path: DataPath) -> None:
        """What software says."""
        m.d.comb += [
            boss.start.eq(block.control_start),
            boss.soft_reset.eq(block.control_soft_reset),
            boss.abandon.eq(block.control_abandon),
            boss.length.eq(block.length),
            boss.frames.eq(block.frames),
            boss.watchdog.eq(block.watchdog),
            boss.saturation_limit.eq(block.saturation_limit),
            path.begin.eq(boss.begins),
            path.source.eq(block.source),
            path.source_stride.eq(block.source_stride),
            path.destination.eq(block.destination),
            path.destination_stride.eq(block.destination_stride),
            path.frames.eq(block.frames),
            path.stop.eq(boss.stop),
        ]

    def _watch(self, m: Module, block: RegisterBlock, boss: Supervisor, path: DataPath) -> None:
        """What the supervisor sees, and the flags that come of it."""
        core = self._core
        bus_error = Signal(len(BUS_ERRORS))
        m.d.comb += [
            boss.bus_idle.eq(path.idle),
            boss.bus_error.eq(bus_error.any()),
            boss.frame_written.eq(path.frames_written),
            boss.core_short.eq(core.error_short),
            boss.core_long.eq(core.error_long),
            boss.core_resets.eq(core.resets),
            boss.saturations.eq(core.saturations),
            boss.progress.eq(path.progress),
            core.reset.eq(boss.path_reset),
            core.clear.eq(boss.begins),
            block.irq_status_done_set.eq(boss.set_done),
            block.irq_status_error_set.eq(boss.set_error),
            block.clear_flags.eq(boss.clear_flags),
        ]
        for index, error in enumerate(BUS_ERRORS):
            m.d.comb += [
                bus_error[index].eq(getattr(path, error)),
                getattr(block, f"errors_{error}_set").eq(bus_error[index]),
            ]
        for flag, cause in CORE_ERRORS.items():
            m.d.comb += getattr(block, f"errors_{flag}_set").eq(getattr(boss, cause))

    def _count(
        self,
        m: Module,
        block: RegisterBlock,
        boss: Supervisor,
        path: DataPath,
        counters: RunCounters,
    ) -> None:
        m.d.comb += [counters.clear.eq(boss.begins), counters.busy.eq(boss.busy)]
        for event in EVENTS:
            m.d.comb += [
                getattr(counters, f"{event}_event").eq(getattr(path, event)),
                getattr(block, event).eq(getattr(counters, event)),
            ]
        core = self._core
        m.d.comb += [
            block.cycles_low.eq(counters.cycles_low),
            block.cycles_high.eq(counters.cycles_high),
            block.saturations.eq(core.saturations),
            core.stage_index.eq(block.stage_index),
            core.stage_request.eq(block.stage_request),
            block.stage_acknowledge.eq(core.stage_acknowledge),
            block.stage_data.eq(core.stage_data),
        ]

    def _show(self, m: Module, block: RegisterBlock, boss: Supervisor, path: DataPath) -> None:
        """What never changes, the state, and the interrupt."""
        p = self._parameters
        words = [p.graph_hash[start : start + 4] for start in range(0, len(p.graph_hash), 4)]
        m.d.comb += [
            block.geometry_stages.eq(p.stages),
            block.geometry_frame_element.eq(p.frame.element_bytes),
            block.geometry_result_element.eq(p.result.element_bytes),
            block.geometry_separate_clocks.eq(p.separate_clocks),
            block.frame_bytes.eq(p.frame.bytes),
            block.result_bytes.eq(p.result.bytes),
            block.interval.eq(p.interval),
            [
                getattr(block, f"hash_{index}").eq(int.from_bytes(word, "little"))
                for index, word in enumerate(words)
            ],
            block.status_busy.eq(boss.busy),
            block.status_done.eq(boss.done),
            block.status_failed.eq(boss.failed),
            block.status_resetting.eq(boss.resetting),
            block.status_bus_busy.eq(~path.idle),
        ]
        m.d.sync += self.interrupt.eq(
            (block.irq_status_done & block.irq_enable_done)
            | (block.irq_status_error & block.irq_enable_error)
        )


def _ports(prefix: str, signature: wiring.Signature) -> dict[str, wiring.Member]:
    return {f"{prefix}_{name}": member for name, member in signature.members.items()}
