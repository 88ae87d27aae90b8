"""FIFO and fork."""

import random

import pytest
from amaranth.back import rtlil
from streams import refuses, run_stream

from slipstick.rtl_templates.fifo import Fifo
from slipstick.rtl_templates.fork import Fork

DEPTHS = [1, 2, 3, 4, 33, 300]


def random_beats(count, bits, seed=0):
    draw = random.Random(seed)
    return [draw.getrandbits(bits) for _ in range(count)]


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.0), (0.5, 0.0), (0.0, 0.5), (0.3, 0.4)])
def test_fifo_keeps_beats_and_order(depth, idle, stall):
    beats = random_beats(400, 19)
    run = run_stream(Fifo(19, depth), beats, 400, idle=idle, stall=stall, seed=depth)
    assert run.output == beats


@pytest.mark.parametrize(
    ("bits", "depth", "latency"),
    [(8, 1, 1), (8, 2, 1), (8, 3, 2), (8, 33, 2), (8, 300, 2), (64, 300, 3)],
)
def test_fifo_passes_a_beat_every_cycle(bits, depth, latency):
    run = run_stream(Fifo(bits, depth), random_beats(200, bits), 200)
    assert run.span("i") == run.span("o") == 200
    assert run.cycles["o"][0] == latency


@pytest.mark.parametrize(("bits", "depth"), [*((8, depth) for depth in DEPTHS), (64, 300)])
def test_fifo_holds_its_depth_and_no_more(bits, depth):
    hold = depth + 50
    run = run_stream(Fifo(bits, depth), random_beats(depth + 40, bits), depth + 40, hold=hold)
    assert sum(cycle < hold for cycle in run.cycles["i"]) == depth
    assert run.cycles["i"][depth - 1] == depth - 1


def test_fifo_full_passes_a_beat_every_cycle_again():
    for depth in (2, 3, 33):
        run = run_stream(Fifo(8, depth), random_beats(300, 8), 300, hold=100)
        assert run.span("o") == 300


@pytest.mark.parametrize("depth", DEPTHS)
def test_fifo_is_empty_after_reset(depth):
    beats = random_beats(100, 19)
    run = run_stream(Fifo(19, depth), beats, 100, stall=0.7, reset_at=37)
    assert run.output == beats


def test_fifo_survives_ten_thousand_cycles_of_back_pressure():
    beats = random_beats(3000, 19)
    run = run_stream(Fifo(19, 5), beats, 3000, idle=0.1, stall=0.72, hold=10, seed=3)
    assert run.output == beats
    assert run.cycles["o"][-1] > 10_000


@pytest.mark.parametrize("depth", [1, 2, 3, 1000])
def test_fifo_converts(depth):
    assert "top" in rtlil.convert(Fifo(128, depth), name="top")


def test_fifo_refuses():
    with refuses("Depth must be a positive integer, not 0"):
        Fifo(8, 0)
    with refuses("Bits must be a positive integer, not 0"):
        Fifo(0, 3)


@pytest.mark.parametrize("outputs", [2, 3, 5])
@pytest.mark.parametrize(("idle", "stall"), [(0.0, 0.5), (0.4, 0.3)])
@pytest.mark.parametrize("reset_at", [None, 50])
def test_fork_gives_each_beat_once_to_each(outputs, idle, stall, reset_at):
    beats = random_beats(300, 11)
    names = [f"o{index}" for index in range(outputs)]
    run = run_stream(
        Fork(11, outputs),
        {"i": beats},
        dict.fromkeys(names, 300),
        idle=idle,
        stall=stall,
        seed=outputs,
        reset_at=reset_at,
    )
    assert run.outputs == dict.fromkeys(names, beats)
    # Each reader takes its beats at its own time.
    assert run.cycles["o0"] != run.cycles["o1"]


def test_fork_passes_a_beat_every_cycle_at_once():
    names = ["o0", "o1", "o2"]
    run = run_stream(Fork(8, 3), {"i": random_beats(99, 8)}, dict.fromkeys(names, 99))
    assert all(run.cycles[name] == list(range(99)) for name in ["i", *names])


def test_fork_converts():
    assert "top" in rtlil.convert(Fork(8, 2), name="top")


def test_fork_refuses():
    with refuses("Outputs must be an integer of at least 2, not 1"):
        Fork(8, 1)
