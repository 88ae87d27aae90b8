"""Argmax over the channels of a pixel."""

import numpy as np
import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from streams import refuses, run_stream, to_words

from slipstick.rtl_templates.argmax import Argmax
from slipstick.streams import PAD, Layout


def run_argmax(layout, width, signed, scores, **traffic):
    """``scores``: ``(pixels, channels)``."""
    positions = np.array(layout.beats)
    padded = np.concatenate([scores, np.zeros((len(scores), 1), scores.dtype)], axis=1)
    lanes = padded[:, positions].reshape(-1, layout.lanes)
    unit = Argmax(layout, width, signed)
    expected = scores.argmax(axis=1)
    assert_array_equal(unit.model(lanes)[:, 0], expected)
    run = run_stream(unit, to_words(lanes, width), len(scores), **traffic)
    assert_array_equal(run.output, expected)
    return run


def draw_scores(channels, width, signed, pixels, seed):
    lo = -(1 << (width - 1)) if signed else 0
    draw = np.random.default_rng(seed)
    scores = draw.integers(lo, lo + (1 << width), (pixels, channels))
    # Pixels below 0 alone, where a pad's 0 would win, and pixels of ties alone.
    scores[0], scores[1] = lo, lo + (1 << width) - 1
    scores[2::3] = draw.choice([lo, lo + 1], (len(scores[2::3]), channels))
    return scores


@st.composite
def layouts(draw):
    """Channels in any order, with pads anywhere, every beat of any filling."""
    channels, lanes = draw(st.integers(1, 12)), draw(st.integers(1, 6))
    beats = -(-channels // lanes) + draw(st.integers(0, 2))
    fields = [*range(channels), *[PAD] * (beats * lanes - channels)]
    fields = draw(st.permutations(fields))
    return Layout(tuple(tuple(fields[k : k + lanes]) for k in range(0, len(fields), lanes)))


@settings(max_examples=50, deadline=None)
@given(
    layouts(),
    st.integers(1, 9),
    st.booleans(),
    st.sampled_from([0.0, 0.4]),
    st.sampled_from([0.0, 0.6]),
)
def test_argmax_of_any_layout(layout, width, signed, idle, stall):
    scores = draw_scores(len(layout.order), width, signed, 15, seed=width)
    run_argmax(layout, width, signed, scores, idle=idle, stall=stall)


@pytest.mark.parametrize("lanes", [1, 2, 3, 4, 5, 10])
def test_argmax_at_full_rate(lanes):
    layout = Layout.natural(10, lanes)
    beats = len(layout.beats)
    scores = draw_scores(10, 8, True, 60, seed=1)
    run = run_argmax(layout, 8, True, scores)
    assert run.cycles["i"] == list(range(60 * beats))
    assert run.span("o") == 59 * beats + 1


def test_argmax_starts_anew_after_reset():
    for reset_at in (1, 4, 5, 12):
        layout, scores = Layout.natural(10, 4), draw_scores(10, 8, True, 20, seed=2)
        run_argmax(layout, 8, True, scores, stall=0.3, reset_at=reset_at)


def test_argmax_waits_for_its_reader():
    scores = draw_scores(10, 8, True, 80, seed=3)
    run_argmax(Layout.natural(10, 10), 8, True, scores, hold=300)
    run_argmax(Layout.natural(10, 2), 8, True, scores, hold=300)


@pytest.mark.parametrize(("channels", "lanes"), [(1, 1), (10, 10), (1000, 4)])
def test_argmax_converts(channels, lanes):
    unit = Argmax(Layout.natural(channels, lanes), 8, True)
    assert "top" in rtlil.convert(unit, name="top")


def test_argmax_refuses():
    with refuses("Width must be a positive integer, not 0"):
        Argmax(Layout.natural(10, 2), 0, True)
    with refuses("Layout must carry at least one channel, not ((-1,),)"):
        Argmax(Layout(((PAD,),)), 8, True)
