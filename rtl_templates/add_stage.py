"""A residual addition with stream ports, requantised where the network says so."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.affine_stage import AffineStage
from slipstick.rtl_templates.join import AddStreams
from slipstick.rtl_templates.stream import flat_stream


class AddStage(wiring.Component):
    """The sum of two streams, and what follows it.

    Parameters
    ----------
    adder : the exact sum.
    affine : its requantisation, or None.

    Members
    -------
    i0, i1 : the branches.
    o : the sum.
    """

    def __init__(self, adder: AddStreams, affine: AffineStage | None) -> None:
        self._adder, self._affine = adder, affine
        last = affine or adder
        super().__init__(
            {
                "i0": In(flat_stream(len(adder.i0.payload))),
                "i1": In(flat_stream(len(adder.i1.payload))),
                "o": Out(flat_stream(len(last.o.payload))),
            }
        )

    def model(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Beats ``(n, lanes)`` of both branches to the beats of the sum."""
        total = self._adder.model(a, b)
        return self._affine.model(total) if self._affine else total

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.adder = adder = self._adder
        last: wiring.Component = adder
        if self._affine is not None:
            m.submodules.affine = last = self._affine
        # Our own ports first: the first signal of a name keeps it in the Verilog.
        wiring.connect(m, wiring.flipped(self.o), last.o)
        wiring.connect(m, wiring.flipped(self.i0), adder.i0)
        wiring.connect(m, wiring.flipped(self.i1), adder.i1)
        if self._affine is not None:
            wiring.connect(m, adder.o, self._affine.i)
        return m
