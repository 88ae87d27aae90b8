"""What a system core is made for."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TensorFormat:
    """A tensor on a stream of the stream core, and in memory.

    Parameters
    ----------
    elements : channels in each beat of a pixel; lanes beyond them are pads.
    lanes, width, signed : fields of a beat.
    element_bytes : bytes of a channel in memory.
    beats : beats of a frame.
    """

    elements: tuple[int, ...]
    lanes: int
    width: int
    signed: bool
    element_bytes: int
    beats: int

    def __post_init__(self) -> None:
        for name in ("lanes", "width", "element_bytes", "beats"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                shown = name.replace("_", " ").capitalize()
                raise ValueError(f"{shown} must be a positive integer, not {value!r}")
        if not self.elements or not all(1 <= count <= self.lanes for count in self.elements):
            raise ValueError(f"Elements must be 1 to {self.lanes} a beat, not {self.elements!r}")
        if self.beats % len(self.elements):
            raise ValueError(
                f"Beats must be a multiple of the {len(self.elements)} of a pixel, "
                f"not {self.beats!r}"
            )

    @property
    def bits(self) -> int:
        """Of a beat."""
        return self.lanes * self.width

    @property
    def bytes(self) -> int:
        """Of the tensor in memory."""
        return sum(self.elements) * self.element_bytes * (self.beats // len(self.elements))


@dataclass(frozen=True)
class SystemParameters:
    """A stream core and how it is put on a bus.

    Parameters
    ----------
    core : the stream core's Verilog module.
    frame, result : its input and output.
    stages : stages that it shows.
    interval : cycles that a frame takes ideally.
    graph_hash : 16 bytes that tell its network from others.
    separate_clocks : it has a clock of its own.
    """

    core: str
    frame: TensorFormat
    result: TensorFormat
    stages: int
    interval: int
    graph_hash: bytes
    separate_clocks: bool = False

    def __post_init__(self) -> None:
        if len(self.graph_hash) != 16:
            raise ValueError(f"Graph hash must have 16 bytes, not {len(self.graph_hash)}")
        for name in ("stages", "interval"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name.capitalize()} must be a positive integer, not {value!r}")

    @property
    def core_domain(self) -> str:
        """The clock domain of the stream core."""
        return "core" if self.separate_clocks else "sync"
