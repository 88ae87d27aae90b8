"""Drives a simulated system register by register, as a driver that trusts nothing."""

import functools
from dataclasses import dataclass, field

import numpy as np

from slipstick.built import read_build
from slipstick.driver import frame_bytes, model_of
from slipstick.driver.memory import result_bytes
from slipstick.registers import register_map
from slipstick.sim.system.device import SimulatedSystem
from slipstick.sim.system.library import system_files, system_library
from slipstick.sim.system.summary import golden_outputs

START, SOFT_RESET, ABANDON = 1, 2, 4
BUSY, DONE, FAILED, RESETTING, BUS_BUSY = 1, 2, 4, 8, 16
IRQ_DONE, IRQ_ERROR = 1, 2
ALL_FLAGS = 0x1FF
SOURCE, DESTINATION = 0x1000, 0x4000
FILL = 0x5A
PATIENCE = 1_000_000


@functools.cache
def registers(stages):
    """The register map; reading it takes a while."""
    return register_map(stages)


def errors(*names):
    """The bits of ``ERRORS`` with these names."""
    fields = {field.name: field.lsb for field in registers(1)["ERRORS"].fields}
    return sum(1 << fields[name] for name in names)


class Compiled:
    """A build's system as a library, and frames with the results they must have.

    ``extreme`` frames hold nothing but the ends of their interval.
    """

    def __init__(self, folder, frames, separate_clocks=False, extreme=False):
        manifest, graph = read_build(folder)
        self.folder, self.manifest, self.model = folder, manifest, model_of(folder)
        self.library = system_library(folder, system_files(folder, manifest, separate_clocks))
        tensor = graph.tensors[graph.input.name]
        lo, hi = int(tensor.lo.min()), int(tensor.hi.max())
        dice = np.random.default_rng(6)
        values = [lo, hi] if extreme else np.arange(lo, hi + 1)
        self.images = dice.choice(values, (frames, *tensor.shape))
        data = frame_bytes(manifest, self.images)
        golden = result_bytes(manifest, golden_outputs(graph, self.images))
        self.frames = np.frombuffer(data, np.uint8).reshape(frames, -1)
        self.results = np.frombuffer(golden, np.uint8).reshape(frames, -1)


@dataclass(frozen=True)
class Place:
    """Where a batch's frames and results lie, relative to the memory's start."""

    source: int = SOURCE
    destination: int = DESTINATION
    source_gap: int = 0
    destination_gap: int = 0


ANYWHERE = Place()


@dataclass
class Bench:
    """One system; a batch after another, each in memory that was wiped before."""

    compiled: Compiled
    seed: int = 1
    profile: str = "random"
    size: int = 1 << 15
    system: SimulatedSystem = field(init=False)

    def __post_init__(self):
        self.system = SimulatedSystem(
            self.compiled.library, self.seed, self.profile, size=self.size
        )
        self.map = registers(len(self.compiled.manifest.stages))

    def read(self, name):
        return self.system.read32(self.map[name].offset)

    def write(self, name, value):
        self.system.write32(self.map[name].offset, value)

    def prepare(self, count, place=ANYWHERE, watchdog=0, **settings):
        """Writes frames to memory and settings to registers; the results' windows open."""
        frame, result = self.compiled.model.frame.bytes, self.compiled.model.result.bytes
        strides = (frame + place.source_gap, result + place.destination_gap)
        memory, base = self.system.memory, self.system.base
        memory[:] = FILL
        self._view(place.source, strides[0], count, frame)[:] = self.compiled.frames[:count]
        self._view(place.destination, strides[1], count, result)[:] = FILL
        self.expected = memory.copy()
        self._results = (place.destination, strides[1])
        for n in range(count):
            self.system.allow_writes(base + place.destination + n * strides[1], result)
        values = {
            "LENGTH": frame,
            "SOURCE": base + place.source,
            "SOURCE_STRIDE": strides[0],
            "DESTINATION": base + place.destination,
            "DESTINATION_STRIDE": strides[1],
            "FRAMES": count,
            "WATCHDOG": watchdog,
            "IRQ_ENABLE": IRQ_DONE | IRQ_ERROR,
            "IRQ_STATUS": IRQ_DONE | IRQ_ERROR,
            "ERRORS": ALL_FLAGS,
        }
        for name, value in (values | settings).items():
            self.write(name, value)

    def _view(self, start, stride, count, size):
        """``(count, size)`` bytes of memory, ``stride`` apart."""
        memory = self.system.memory
        assert start + (count - 1) * stride + size <= len(memory)
        return np.lib.stride_tricks.as_strided(memory[start:], (count, size), (stride, 1))

    def start(self):
        self.write("CONTROL", START)

    def wait(self):
        """Runs until the interrupt; the status."""
        assert self.system.run_until_interrupt(PATIENCE), "the run does not end"
        return self.read("STATUS")

    def wait_until_idle(self, mask=BUSY | RESETTING):
        for _ in range(PATIENCE // 20):
            if not self.read("STATUS") & mask:
                return
            self.system.run(20)
        raise AssertionError("the core does not come to rest")

    def results(self, count):
        start, stride = self._results
        return self._view(start, stride, count, self.compiled.model.result.bytes)

    def check_results(self, count):
        """The first ``count`` results are right."""
        assert np.array_equal(self.results(count), self.compiled.results[:count])

    def check_memory(self, count):
        """``count`` results are right and nothing else was written."""
        self.check_results(count)
        self.results(count)[:] = FILL
        assert np.array_equal(self.system.memory, self.expected)
        assert self.system.violations == []

    def run_well(self, count=2, place=ANYWHERE):
        """A batch after which everything is as it must be."""
        self.prepare(count, place)
        self.start()
        assert self.wait() == DONE
        assert self.read("IRQ_STATUS") == IRQ_DONE
        assert self.read("ERRORS") == 0
        assert self.read("FRAMES_READ") == self.read("FRAMES_WRITTEN") == count
        self.check_memory(count)
