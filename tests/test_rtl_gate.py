"""The gate as hardware: every shift that of the model, frames back to back, any traffic."""

import numpy as np
import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from streams import from_words, refuses, run_stream, to_words

from slipstick.rtl_templates.gate import GateParameters, GateStream

pauses = st.sampled_from([0.0, 0.5])


def ends(width, is_signed):
    lo = -(1 << (width - 1)) if is_signed else 0
    return lo, lo + (1 << width) - 1


def parameters(lanes, beats, pixels, x, z, thresholds):
    """``x`` and ``z`` are (width, signed)."""
    lo, hi = (end << len(thresholds) for end in ends(*x))
    falling = tuple(sorted(thresholds, reverse=True))
    return GateParameters(lanes, beats, pixels, *x, *z, falling, lo, hi)


def run_gate(chosen, frames, seed=0, **traffic):
    """Random frames with both ends of every format; returns the run."""
    rng = np.random.default_rng(seed)
    shape = (frames, chosen.pixels, chosen.beats, chosen.lanes)
    lo, hi = ends(chosen.x_width, chosen.x_signed)
    x = rng.integers(lo, hi + 1, shape)
    x[:, 0], x[:, -1] = lo, hi
    lo, hi = ends(chosen.z_width, chosen.z_signed)
    z = rng.integers(lo, hi + 1, (frames, *shape[2:]))
    # Logits at the thresholds, and just below them.
    near = [t - below for t in chosen.thresholds for below in (0, 1) if lo <= t - below <= hi]
    picked = rng.choice([*near, lo, hi], z.shape)
    z = np.where(rng.random(z.shape) < 0.5, picked, z)
    gate = GateStream(chosen)
    flat_x, flat_z = x.reshape(-1, chosen.lanes), z.reshape(-1, chosen.lanes)
    words = {"i0": to_words(flat_x, chosen.x_width), "i1": to_words(flat_z, chosen.z_width)}
    run = run_stream(gate, words, {"o": len(flat_x)}, seed=seed, **traffic)
    found = from_words(run.output, chosen.lanes, gate.out_width, gate.out_signed)
    assert_array_equal(found, gate.model(flat_x, flat_z))
    shifts = sum((z >= threshold).astype(int) for threshold in chosen.thresholds)
    assert_array_equal(found.reshape(shape), x << shifts[:, None])
    return run


formats = st.tuples(st.integers(1, 10), st.booleans())


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        parameters,
        st.integers(1, 3),
        st.integers(1, 5),
        st.integers(1, 7),
        formats,
        formats,
        # Some beyond the ends of any format.
        st.lists(st.integers(-700, 1100), min_size=1, max_size=8),
    ),
    pauses,
    pauses,
    st.integers(0, 99),
)
def test_gates_of_any_traffic(chosen, idle, stall, seed):
    run_gate(chosen, 5, seed, idle=idle, stall=stall)


THRESHOLDS = (15, -9, -24, -38, -49, -61, -72)


@pytest.mark.parametrize("beats", [1, 2, 3])
def test_frames_pass_without_a_gap(beats):
    pixels = 12
    run = run_gate(parameters(2, beats, pixels, (8, False), (8, True), THRESHOLDS), 6)
    # The first frame waits for its logits, the others' are there before.
    start = run.cycles["i0"][0]
    assert start == beats
    assert run.cycles["i0"] == list(range(start, start + 6 * pixels * beats))
    assert [o - i for i, o in zip(run.cycles["i0"], run.cycles["o"], strict=True)].count(2) == len(
        run.cycles["o"]
    )


def test_a_frame_of_one_pixel_takes_a_cycle_a_beat():
    run = run_gate(parameters(2, 4, 1, (8, True), (8, True), THRESHOLDS), 20)
    assert run.span("o") == 80


def test_logits_run_two_frames_ahead_and_no_further():
    chosen = parameters(1, 3, 4, (8, True), (8, True), THRESHOLDS)
    run = run_gate(chosen, 4, hold=100)
    taken = [cycle for cycle in run.cycles["i1"] if cycle < 100]
    assert len(taken) == 2 * 3


def test_gate_starts_anew_after_reset():
    for reset_at in (2, 5, 9, 13, 30):
        chosen = parameters(2, 3, 2, (8, True), (8, True), THRESHOLDS)
        run_gate(chosen, 6, stall=0.3, reset_at=reset_at)


def test_gate_converts():
    for beats in (1, 5):
        chosen = parameters(3, beats, 9, (8, False), (8, True), THRESHOLDS)
        assert "top" in rtlil.convert(GateStream(chosen), name="top")


def test_gate_refuses():
    def made(lanes=1, beats=1, pixels=1, x_width=8, z_width=8, thresholds=(3, 1)):
        return GateParameters(
            lanes, beats, pixels, x_width, True, z_width, True, thresholds, -512, 508
        )

    made()
    for name in ("lanes", "beats", "pixels", "x_width", "z_width"):
        shown = name.replace("_", " ").capitalize()
        with refuses(f"{shown} must be a positive integer, not 0"):
            made(**{name: 0})
    with refuses("Thresholds must be falling integers, not ()"):
        made(thresholds=())
    with refuses("Thresholds must be falling integers, not (1, 3)"):
        made(thresholds=(1, 3))
    with refuses("Interval must be in order, not [3, 2]"):
        GateStream(GateParameters(1, 1, 1, 8, True, 8, True, (0,), 3, 2))
