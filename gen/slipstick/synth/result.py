"""What a synthesis found: resources of every instance, their sum, and the share of the part."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Resources:
    """Counts of 7-series primitives.

    Attributes
    ----------
    lut : LUT1 to LUT6 and INV cells of the netlist, as Yosys leaves them.
    lut_sites : estimated 6-input LUTs they occupy, see `slipstick.synth.sites`.
    ff : flip-flops and latches.
    carry4 : CARRY4 cells.
    bram36 : block RAMs of 36 Kbit; one of 18 Kbit counts as half.
    lutram : LUT sites used as RAM or shift register, not contained in ``lut``.
    dsp : DSP48 slices.
    multipliers : multiplying word-level cells before technology mapping; a DSP slice that came
        from none of them counts too.
    """

    lut: int = 0
    lut_sites: int = 0
    ff: int = 0
    carry4: int = 0
    bram36: float = 0.0
    lutram: int = 0
    dsp: int = 0
    multipliers: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))
        )


@dataclass(frozen=True)
class Row:
    """One direct child of the top, or the top's own glue.

    Attributes
    ----------
    instance, module : names in the Verilog.
    kind : the stage's kind in the manifest, `PLUMBING` for an instance between stages, or
        `GLUE` for what stands in the top module itself.
    path_ps : longest path between registers, cell delays only, no routing.
    """

    instance: str
    module: str
    kind: str
    resources: Resources
    path_ps: int


@dataclass(frozen=True)
class SynthesisResult:
    """Resources of a whole design.

    Attributes
    ----------
    top : the top module.
    per_layer : a row an instance, in the order of the Verilog; the top's glue last.
    capacity : what the board's part has, as in the manifest.
    versions : the tools that counted.
    seconds : wall clock of the run.
    """

    top: str
    per_layer: tuple[Row, ...]
    capacity: Mapping[str, int]
    versions: Mapping[str, str]
    seconds: float

    @property
    def total(self) -> Resources:
        """The sum over all rows."""
        return sum((row.resources for row in self.per_layer), Resources())

    @property
    def path_ps(self) -> int:
        """The longest path of any row."""
        return max((row.path_ps for row in self.per_layer), default=0)

    @property
    def utilisation(self) -> dict[str, float]:
        """Fraction of the part, for each resource of which the manifest knows the capacity.

        RAM in LUTs occupies LUTs, so it is added to both ways of counting them.
        """
        total = self.total
        used = {
            "lut": total.lut + total.lutram,
            "lut_sites": total.lut_sites + total.lutram,
            "ff": total.ff,
            "bram36": total.bram36,
            "lutram": total.lutram,
            "dsp": total.dsp,
        }
        available = {**self.capacity, "lut_sites": self.capacity.get("lut", 0)}
        return {
            name: round(count / available[name], 6)
            for name, count in used.items()
            if available.get(name)
        }

    def to_json(self) -> dict[str, Any]:
        """As in ``synthesis.json``: the totals at the top level, then the rows."""
        return {
            **asdict(self.total),
            "path_ps": self.path_ps,
            "utilisation": self.utilisation,
            "capacity": dict(self.capacity),
            "per_layer": [
                {
                    "instance": row.instance,
                    "module": row.module,
                    "kind": row.kind,
                    **asdict(row.resources),
                    "path_ps": row.path_ps,
                }
                for row in self.per_layer
            ],
            "top": self.top,
            "versions": dict(self.versions),
            "seconds": round(self.seconds, 1),
        }
