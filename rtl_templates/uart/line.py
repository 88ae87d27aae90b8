"""Bytes on a serial line: a start bit, 8 data bits from the lowest on, a stop bit, no parity."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from slipstick.rtl_templates.stream import flat_stream

LEAST_DIVISOR = 8
"""Fewer cycles a bit would leave no room for three samples around its middle."""

FRAME_BITS = 10


def check_divisor(divisor: int) -> None:
    """Raises `ValueError` unless ``divisor`` is a number of cycles that a bit can take."""
    if not isinstance(divisor, int) or divisor < LEAST_DIVISOR:
        rule = f"an integer of at least {LEAST_DIVISOR}"
        raise ValueError(f"Divisor must be {rule}, not {divisor!r}")


class UartReceiver(wiring.Component):
    """Takes bytes from a serial line; each bit is the majority of three samples at its middle.

    Parameters
    ----------
    divisor : cycles a bit. The sender's may differ by 3 %.

    Members
    -------
    rx : the line, in no clock domain; 1 when idle.
    data : the byte.
    valid : for one cycle: a byte came.
    framing : for one cycle: a byte came without its stop bit. The next one is looked for when
        the line is idle again, so that a break is one such error.

    Cost of 50 cycles a bit on ECP5 with Yosys 0.70: 26 LUT4, 3 CCU2C, 24 FF.
    """

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self._divisor = divisor
        super().__init__({"rx": In(1, init=1), "data": Out(8), "valid": Out(1), "framing": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchroniser = FFSynchronizer(self.rx, line, init=1)
        earlier = Signal(2, init=0b11)
        m.d.sync += earlier.eq(Cat(line, earlier))
        bit = Signal()
        m.d.comb += bit.eq((line & earlier[0]) | (line & earlier[1]) | (earlier[0] & earlier[1]))
        timer, left = Signal(range(self._divisor)), Signal(range(FRAME_BITS))
        at_middle = timer == 0
        m.d.sync += timer.eq(Mux(at_middle, self._divisor - 1, timer - 1))
        with m.FSM(name="line"):
            with m.State("idle"):
                # The last of the three samples is one cycle behind the middle of the start bit.
                m.d.sync += [timer.eq(self._divisor // 2), left.eq(FRAME_BITS - 1)]
                with m.If(~line):
                    m.next = "byte"
            with m.State("byte"), m.If(at_middle):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.d.comb += [self.valid.eq(bit), self.framing.eq(~bit)]
                    m.next = "end"
                with m.Elif((left == FRAME_BITS - 1) & bit):
                    # A glitch, no start bit.
                    m.next = "idle"
                with m.Else():
                    m.d.sync += self.data.eq(Cat(self.data[1:], bit))
            with m.State("end"), m.If(line):
                m.next = "idle"
        return m


class UartTransmitter(wiring.Component):
    """Sends bytes on a serial line, without a pause if there are more.

    Parameters
    ----------
    divisor : cycles a bit.

    Members
    -------
    i : the bytes.
    tx : the line.

    Cost of 50 cycles a bit on ECP5 with Yosys 0.70: 38 LUT4, 3 CCU2C,
    19 FF.
    """

    def __init__(self, divisor: int) -> None:
        check_divisor(divisor)
        self._divisor = divisor
        super().__init__({"i": In(flat_stream(8)), "tx": Out(1, init=1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = Signal(FRAME_BITS - 1, init=-1)
        timer, left = Signal(range(self._divisor)), Signal(range(FRAME_BITS + 1))
        ends_bit = Signal()
        m.d.comb += [
            ends_bit.eq(timer == 0),
            self.i.ready.eq((left == 0) | ((left == 1) & ends_bit)),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += [
                Cat(self.tx, bits).eq(Cat(Const(0, 1), self.i.payload, Const(1, 1))),
                left.eq(FRAME_BITS),
                timer.eq(self._divisor - 1),
            ]
        with m.Elif(left != 0):
            m.d.sync += timer.eq(timer - 1)
            with m.If(ends_bit):
                m.d.sync += [
                    Cat(self.tx, bits).eq(Cat(bits, Const(1, 1))),
                    left.eq(left - 1),
                    timer.eq(self._divisor - 1),
                ]
        return m
