"""Constant tables and checked numbers."""

import random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import ClockDomain, Module, Signal, signed, unsigned
from amaranth.sim import Simulator
from streams import refuses

from slipstick.rtl_templates.numbers import const_fit, shape_for
from slipstick.rtl_templates.rom import Rom, rom_lookup
from slipstick.rtl_templates.stream import flat_stream, lane


def read_rom(rom, addresses):
    seen = []

    async def bench(ctx):
        for address in [*addresses, *[addresses[-1]] * rom.latency]:
            ctx.set(rom.addr, address)
            seen.append(ctx.get(rom.data))
            await ctx.tick()

    m = Module()
    m.domains.sync = ClockDomain()
    m.submodules.rom = rom
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return seen[rom.latency :]


@pytest.mark.parametrize("latency", [1, 2])
@pytest.mark.parametrize("style", ["lut", "block"])
@pytest.mark.parametrize(("rows", "width"), [(1, 5), (2, 1), (37, 9), (5, 4096)])
def test_rom_reads_its_table(rows, width, style, latency):
    draw = random.Random(rows)
    rom = Rom([draw.getrandbits(width) for _ in range(rows)], width, style, latency)
    addresses = [draw.randrange(rows) for _ in range(50)]
    assert read_rom(rom, addresses) == rom.model(addresses)


@pytest.mark.parametrize("rows", [1, 37])
def test_rom_converts(rows):
    assert "top" in rtlil.convert(Rom(range(rows), 8, "block", 2), name="top")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0], 4, "disk", 1), "Style must be one of lut, block, not 'disk'"),
        (([0], 4, "lut", 3), "Latency must be 1 or 2, not 3"),
        (([], 4, "lut", 1), "Table must have at least one row, not 0"),
        (([16], 4, "lut", 1), "Table must hold 4-bit unsigned integers, not 16"),
        (([-1], 4, "lut", 1), "Table must hold 4-bit unsigned integers, not -1"),
        (([0], 0, "lut", 1), "Width must be a positive integer, not 0"),
    ],
)
def test_rom_refuses(arguments, message):
    with refuses(message):
        Rom(*arguments)


@pytest.mark.parametrize("table", [[3], [7, 7, 7], [1, 2, 3, 4, 5], list(range(300))])
def test_lookup_reads_its_table_and_zero_beyond(table):
    m = Module()
    index, result = Signal(9), Signal(9)
    m.d.comb += result.eq(rom_lookup(m, index, table, 9, "found"))
    constant = len(set(table)) == 1

    async def bench(ctx):
        for row in range(len(table) + 100):
            ctx.set(index, row)
            beyond = table[0] if constant else 0
            assert ctx.get(result) == (table[row] if row < len(table) else beyond)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


def test_shape_for_is_the_smallest():
    assert shape_for(0, 0) == unsigned(1)
    assert shape_for(3, 255) == unsigned(8)
    assert shape_for(0, 256) == unsigned(9)
    assert shape_for(-1, 0) == signed(1)
    assert shape_for(-128, 127) == signed(8)
    assert shape_for(-129, 0) == signed(9)
    assert shape_for(-1, 128) == signed(9)
    assert shape_for(-7, -5) == signed(4)


def test_shape_for_refuses_a_reversed_interval():
    with pytest.raises(ValueError, match=r"Interval must be in order, not \[2, 1\]"):
        shape_for(2, 1)


def test_const_fit_keeps_or_refuses():
    assert const_fit(-8, signed(4)).value == -8
    assert const_fit(15, unsigned(4)).value == 15
    for value, shape in [(8, signed(4)), (16, unsigned(4)), (-1, unsigned(4))]:
        with pytest.raises(ValueError, match=f"Constant must fit .*, not {value}"):
            const_fit(value, shape)


def test_lane_slices_and_refuses():
    vector = Signal(12)
    assert lane(vector, 2, 4, True).shape() == signed(4)
    assert lane(vector, 0, 4, False).shape() == unsigned(4)
    with refuses("Lane must lie in a vector of 12 bits, not 3"):
        lane(vector, 3, 4, False)
    with refuses("Bits must be a positive integer, not 0"):
        flat_stream(0)
