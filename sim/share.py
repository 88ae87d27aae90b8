"""A run of consecutive frames, as every kind of bench hands it back."""

from dataclasses import dataclass

import numpy as np

from slipstick.sim.observed import Observed


@dataclass(frozen=True, eq=False)
class Share:
    """Consecutive frames that went through one simulated circuit after its reset.

    Attributes
    ----------
    first_frame : number of the first of them.
    frames : how many.
    observed : by the bench.
    golden : the golden model's output, integers ``(N, C, H, W)``.
    outputs : the circuit's own; None if it stood still.
    """

    first_frame: int
    frames: int
    observed: Observed
    golden: np.ndarray
    outputs: np.ndarray | None

    def interval(self, probe: int) -> float | None:
        """Cycles a frame at ``probe``, once the circuit was full; None for a single frame.

        Early frames come faster or slower, while FIFOs fill.
        """
        seen = self.observed.probes[probe]
        intervals = self.frames - 1 - (self.frames - 1) // 2
        return (seen.last - seen.middle) / intervals if intervals else None
