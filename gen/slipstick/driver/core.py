"""The registers of a core by their names."""

from slipstick.driver.counters import RunCounters, StageCounters
from slipstick.driver.model import Model
from slipstick.driver.status import DriverError, Status
from slipstick.driver.transport import BusError, Transport
from slipstick.registers import register_map

MAJOR = 1
WORD = 0xFFFF_FFFF


class Core:
    """Reads and writes the registers of the core behind ``transport``.

    Raises `DriverError` where an access is answered with an error.
    """

    def __init__(self, transport: Transport, model: Model) -> None:
        self._transport, self._model = transport, model
        self._map = register_map(len(model.stages))

    def __getitem__(self, name: str) -> int:
        try:
            return self._transport.read32(self._map[name].offset)
        except BusError as error:
            raise self.error(Status.BUS_ERROR) from error

    def __setitem__(self, name: str, value: int) -> None:
        try:
            self._transport.write32(self._map[name].offset, value)
        except BusError as error:
            raise self.error(Status.BUS_ERROR) from error

    def error(self, status: Status, errors: int = 0) -> DriverError:
        """The error of ``status``; ``errors`` are the bits of ``ERRORS``."""
        fields = self._map["ERRORS"].fields
        causes = tuple(field.name for field in fields if errors & field.mask)
        return DriverError(self._model.name, status, causes)

    def mask(self, name: str, *fields: str) -> int:
        """The bits of ``fields`` of register ``name``; of all its fields if none is named."""
        register = self._map[name]
        chosen = [register[field] for field in fields] or register.fields
        return sum(field.mask for field in chosen)

    def shows(self, name: str, *fields: str) -> bool:
        """Whether any of ``fields`` is set in register ``name``."""
        return bool(self[name] & self.mask(name, *fields))

    def command(self, name: str) -> None:
        """Writes a bit of ``CONTROL``."""
        self["CONTROL"] = self.mask("CONTROL", name)

    def check_identity(self) -> None:
        """Raises `DriverError` unless this is a core that was built from the model."""
        if self["ID"] != self._map["ID"]["value"].reset:
            raise self.error(Status.WRONG_DEVICE)
        if self["VERSION"] >> self._map["VERSION"]["major"].lsb != MAJOR:
            raise self.error(Status.WRONG_VERSION)
        if tuple(self[f"HASH[{n}]"] for n in range(4)) != self._model.hash_words:
            raise self.error(Status.WRONG_NETWORK)
        if self._sizes() != self._expected_sizes():
            raise self.error(Status.WRONG_GEOMETRY)

    def _sizes(self) -> tuple[int, ...]:
        geometry, register = self["GEOMETRY"], self._map["GEOMETRY"]
        names = ("stages", "frame_element", "result_element")
        parts = tuple((geometry & register[name].mask) >> register[name].lsb for name in names)
        return (*parts, self["FRAME_BYTES"], self["RESULT_BYTES"])

    def _expected_sizes(self) -> tuple[int, ...]:
        frame, result = self._model.frame, self._model.result
        elements = (frame.element, result.element)
        return (len(self._model.stages), *elements, frame.bytes, result.bytes)

    def run_counters(self) -> RunCounters:
        """The counters of the batch."""
        names = [name for name in RunCounters.__dataclass_fields__ if name != "cycles"]
        counts = {name: self[name.upper()] for name in names}
        return RunCounters(cycles=self._cycles(), **counts)

    def _cycles(self) -> int:
        """The counter's two words, read one after the other while it counts."""
        before, high, low = self["CYCLES_LOW"], self["CYCLES_HIGH"], self["CYCLES_LOW"]
        if low < before:
            high = self["CYCLES_HIGH"]
        return high << 32 | low

    def stage_counters(self) -> tuple[StageCounters, ...]:
        """The counters of each stage."""
        return tuple(
            StageCounters(
                name,
                beats=self[f"STAGE[{n}].BEATS"],
                stalls=self[f"STAGE[{n}].STALLS"],
                saturated=self[f"STAGE[{n}].SATURATED"],
            )
            for n, name in enumerate(self._model.stages)
        )
