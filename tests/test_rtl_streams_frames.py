"""Frames of the wrong size, and the mark of the last beat."""

import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import refuses, run_stream

from slipstick.rtl_templates.frame_guard import FrameGuard, FrameMarker

BITS = 7


def marked(frame, bits=BITS):
    """A frame's beats with the mark above the data."""
    return [data | (k == len(frame) - 1) << bits for k, data in enumerate(frame)]


def frames_of(sizes):
    """Frames whose beats all differ; no data is 0, which only the guard sends."""
    numbers = iter(range(10**6))
    return [[next(numbers) % 127 + 1 for _ in range(size)] for size in sizes]


def run_guard(beats, sizes, **traffic):
    frames = frames_of(sizes)
    guard = FrameGuard(BITS, beats)
    expected = [beat for frame in guard.model(frames) for beat in frame]
    sent = [beat for frame in frames for beat in marked(frame)]
    run = run_stream(guard, sent, len(expected), **traffic)
    assert run.output == expected
    return run


@settings(max_examples=50, deadline=None)
@given(
    st.integers(1, 6),
    st.lists(st.integers(1, 9), min_size=1, max_size=12),
    st.sampled_from([0.0, 0.4]),
    st.sampled_from([0.0, 0.4]),
)
def test_guard_makes_every_frame_the_right_size(beats, sizes, idle, stall):
    run = run_guard(beats, sizes, idle=idle, stall=stall)
    assert run.ports["error_short"] == any(size < beats for size in sizes)
    assert run.ports["error_long"] == any(size > beats for size in sizes)


@pytest.mark.parametrize(
    ("sizes", "flags"),
    [
        ([4, 4, 4], {"error_short": 0, "error_long": 0}),
        ([4, 3, 4, 4], {"error_short": 1, "error_long": 0}),
        ([4, 1, 1, 4], {"error_short": 1, "error_long": 0}),
        ([4, 5, 4, 4], {"error_short": 0, "error_long": 1}),
        ([40, 4], {"error_short": 0, "error_long": 1}),
        ([1, 9, 4], {"error_short": 1, "error_long": 1}),
    ],
)
def test_guard_flags_stay(sizes, flags):
    assert run_guard(4, sizes).ports == flags


def test_guard_passes_good_frames_without_a_bubble():
    run = run_guard(5, [5] * 20)
    assert run.cycles["i"] == run.cycles["o"] == list(range(100))


def test_guard_forgets_after_reset():
    # In cycle 6 the first, short frame has been completed, and its flag set.
    frames = frames_of([3, 5, 5])
    sent = [beat for frame in frames for beat in marked(frame)]
    for reset_at in (2, 4, 6, 9):
        run = run_stream(FrameGuard(BITS, 5), sent, 15, stall=0.1, reset_at=reset_at)
        assert run.output == [*frames[0], 0, 0, *frames[1], *frames[2]]
    good = marked(range(1, 6))
    for reset_at in (1, 3):
        run = run_stream(FrameGuard(BITS, 5), good, 5, reset_at=reset_at)
        assert run.ports == {"error_short": 0, "error_long": 0}


@pytest.mark.parametrize("beats", [1, 2, 5])
def test_marker_marks_the_last_beat(beats):
    frames = frames_of([beats] * 12)
    sent = [beat for frame in frames for beat in frame]
    expected = [beat for frame in frames for beat in marked(frame)]
    for traffic in ({}, {"idle": 0.4, "stall": 0.4}, {"stall": 0.5, "reset_at": 8}):
        run = run_stream(FrameMarker(BITS, beats), sent, len(sent), **traffic)
        assert run.output == expected
    run = run_stream(FrameMarker(BITS, beats), sent, len(sent))
    assert run.cycles["o"] == list(range(len(sent)))


@pytest.mark.parametrize("beats", [1, 784])
@pytest.mark.parametrize("kind", [FrameGuard, FrameMarker])
def test_frame_components_convert(kind, beats):
    assert "top" in rtlil.convert(kind(8, beats), name="top")


@pytest.mark.parametrize("kind", [FrameGuard, FrameMarker])
def test_frame_components_refuse(kind):
    with refuses("Beats must be a positive integer, not 0"):
        kind(8, 0)
    with refuses("Bits must be a positive integer, not 0"):
        kind(0, 8)
