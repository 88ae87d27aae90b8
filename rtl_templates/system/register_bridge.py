"""From the AXI3 port of the Zynq-7000's processor to the registers' AXI4-Lite."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, PureInterface

from slipstick.rtl_templates.system import axi
from slipstick.rtl_templates.system.axi3 import GP

__all__ = ["RegisterBridge"]

INCR = 1


class RegisterBridge(wiring.Component):
    """Answers one read and one write burst at a time, beat by beat; each has a path of its own.

    Beats of an INCR burst become single accesses of the words that hold their addresses, with
    their byte strobes. Bursts of other kinds are answered SLVERR, addresses outside of the
    window DECERR, in as many beats as they have and without touching the registers. The answer
    to a write burst is the worst of its beats. An exclusive access is answered OKAY, which says
    that it was none.

    Parameters
    ----------
    base : first address of the window of 64 KByte in which the registers lie.

    Members
    -------
    gp : the processor's port.
    bus : AXI4-Lite.

    Latency: a single word is read 1 cycle, written 2 cycles later than without the bridge. Cost:
    145 LUT, 79 FF.
    """

    def __init__(self, base: int) -> None:
        window = 1 << axi.LITE_ADDRESS_BITS
        if not isinstance(base, int) or base % window or not 0 <= base < 1 << 32:
            raise ValueError(f"Base must be a multiple of {window:#x} in 32 bits, not {base!r}")
        self._window = base >> axi.LITE_ADDRESS_BITS
        super().__init__({"gp": In(GP), "bus": Out(axi.LITE)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._read(m)
        self._write(m)
        return m

    def _take(self, m: Module, prefix: str) -> "_Burst":
        """Keeps a burst when it is taken, and steps through its beats."""
        gp, bus = self.gp, self.bus
        burst = _Burst(gp, prefix)
        valid, size = getattr(gp, f"{prefix}valid"), getattr(gp, f"{prefix}size")
        full, kind = getattr(gp, f"{prefix}addr"), getattr(gp, f"{prefix}burst")
        kept_size, address = Signal.like(size), Signal(axi.LITE_ADDRESS_BITS)
        outside = full[axi.LITE_ADDRESS_BITS :] != self._window
        m.d.comb += [
            burst.taken.eq(valid & getattr(gp, f"{prefix}ready")),
            burst.refusal.eq(Mux(outside, axi.DECERR, Mux(kind == INCR, axi.OKAY, axi.SLVERR))),
            burst.last.eq(burst.left == 0),
            getattr(bus, f"{prefix}addr").eq(Cat(C(0, 2), address[2:])),
        ]
        with m.If(burst.taken):
            m.d.sync += [
                burst.identity.eq(getattr(gp, f"{prefix}id")),
                burst.left.eq(getattr(gp, f"{prefix}len")),
                kept_size.eq(size),
                address.eq(full),
            ]
        with m.Elif(burst.over):
            # An address that is no multiple of the size stays beside one that is, in its word.
            m.d.sync += [burst.left.eq(burst.left - 1), address.eq(address + (1 << kept_size))]
        return burst

    def _read(self, m: Module) -> None:
        gp, bus = self.gp, self.bus
        burst = self._take(m, "ar")
        refusal = Signal.like(burst.refusal)
        m.d.comb += [
            gp.rid.eq(burst.identity),
            gp.rlast.eq(burst.last),
            burst.over.eq(gp.rvalid & gp.rready),
        ]
        with m.FSM(name="read"):
            with m.State("idle"):
                m.d.comb += gp.arready.eq(1)
                with m.If(burst.taken):
                    m.d.sync += refusal.eq(burst.refusal)
                    m.next = "ask"
                    with m.If(burst.refusal != axi.OKAY):
                        m.next = "refuse"
            with m.State("ask"):
                m.d.comb += bus.arvalid.eq(1)
                with m.If(bus.arready):
                    m.next = "answer"
            with m.State("answer"):
                m.d.comb += [
                    gp.rdata.eq(bus.rdata),
                    gp.rresp.eq(bus.rresp),
                    gp.rvalid.eq(bus.rvalid),
                    bus.rready.eq(gp.rready),
                ]
                with m.If(burst.over):
                    m.next = "ask"
                    with m.If(burst.last):
                        m.next = "idle"
            with m.State("refuse"):
                m.d.comb += [gp.rresp.eq(refusal), gp.rvalid.eq(1)]
                with m.If(burst.over & burst.last):
                    m.next = "idle"

    def _write(self, m: Module) -> None:
        gp, bus = self.gp, self.bus
        burst = self._take(m, "aw")
        worst = Signal.like(burst.refusal)
        address_done, data_done = Signal(), Signal()
        m.d.comb += [
            gp.bid.eq(burst.identity),
            gp.bresp.eq(worst),
            bus.wdata.eq(gp.wdata),
            bus.wstrb.eq(gp.wstrb),
        ]
        with m.FSM(name="write"):
            with m.State("idle"):
                m.d.comb += gp.awready.eq(1)
                with m.If(burst.taken):
                    m.d.sync += worst.eq(burst.refusal)
                    m.next = "ask"
                    with m.If(burst.refusal != axi.OKAY):
                        m.next = "drop"
            with m.State("ask"):
                m.d.comb += [
                    bus.awvalid.eq(~address_done),
                    bus.wvalid.eq(gp.wvalid & ~data_done),
                    gp.wready.eq(bus.wready & ~data_done),
                ]
                address_ends = address_done | bus.awready
                data_ends = data_done | (gp.wvalid & bus.wready)
                m.d.sync += [address_done.eq(address_ends), data_done.eq(data_ends)]
                with m.If(address_ends & data_ends):
                    m.d.sync += [address_done.eq(0), data_done.eq(0)]
                    m.next = "await"
            with m.State("await"):
                m.d.comb += [bus.bready.eq(1), burst.over.eq(bus.bvalid)]
                with m.If(burst.over):
                    with m.If(bus.bresp > worst):
                        m.d.sync += worst.eq(bus.bresp)
                    m.next = "ask"
                    with m.If(burst.last):
                        m.next = "answer"
            with m.State("drop"):
                m.d.comb += [gp.wready.eq(1), burst.over.eq(gp.wvalid)]
                with m.If(burst.over & burst.last):
                    m.next = "answer"
            with m.State("answer"):
                m.d.comb += gp.bvalid.eq(1)
                with m.If(gp.bready):
                    m.next = "idle"


class _Burst:
    """What is known of the burst at hand.

    Attributes
    ----------
    taken : it is being taken.
    refusal : valid then: why its beats are not done, OKAY if they are.
    identity : its ID.
    left : beats behind the one at hand.
    last : there are none.
    over : set by the user: the beat at hand is done.
    """

    def __init__(self, gp: PureInterface, prefix: str) -> None:
        self.taken = Signal(name=f"{prefix}_taken")
        self.refusal = Signal(2, name=f"{prefix}_refusal")
        self.identity = Signal.like(getattr(gp, f"{prefix}id"), name=f"{prefix}_identity")
        self.left = Signal.like(getattr(gp, f"{prefix}len"), name=f"{prefix}_left")
        self.last = Signal(name=f"{prefix}_last")
        self.over = Signal(name=f"{prefix}_over")
