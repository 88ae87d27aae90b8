"""Regrouping of channels into other beats."""

import numpy as np
import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import from_words, refuses, run_stream, to_words

from slipstick.rtl_templates.regroup import Regroup
from slipstick.streams import PAD, Layout, cycles_between, pack


def frame(layout, width, pixels, seed=0):
    """Random values of ``pixels`` pixels: as a tensor, and as beats of ``layout``."""
    channels = len(layout.order)
    draw = np.random.default_rng(seed)
    values = draw.integers(0, 1 << width, (1, channels, 1, pixels))
    return values, words_of(values, layout, width)


def words_of(values, layout, width):
    """The beats as `slipstick.streams.pack` makes them, each as one integer."""
    packed = pack(values, layout, width)[0]
    return [sum(int(word) << (32 * k) for k, word in enumerate(beat)) for beat in packed]


def check(source, target, width, pixels, **traffic):
    values, beats = frame(source, width, pixels)
    expected = words_of(values, target, width)
    regroup = Regroup(source, target, width)
    modelled = regroup.model(from_words(beats, source.lanes, width, False))
    assert to_words(modelled, width) == expected
    run = run_stream(regroup, beats, len(expected), **traffic)
    assert run.output == expected
    return run


@st.composite
def layouts(draw):
    """Two layouts of the same channels in the same order, cut at any places."""
    channels = draw(st.integers(1, 14))
    order = draw(st.permutations(range(channels)))

    def cut():
        lanes = draw(st.integers(1, 6))
        beats, start = [], 0
        while start < channels:
            count = draw(st.integers(1, min(lanes, channels - start)))
            part = order[start : start + count]
            beats.append(tuple(part) + (PAD,) * (lanes - count))
            start += count
        return Layout(tuple(beats))

    return cut(), cut()


@settings(max_examples=40, deadline=None)
@given(layouts(), st.integers(1, 9), st.sampled_from([0.0, 0.4]), st.sampled_from([0.0, 0.4]))
def test_regroup_of_any_layouts(pair, width, idle, stall):
    check(*pair, width, pixels=6, idle=idle, stall=stall)


@settings(max_examples=25, deadline=None)
@given(layouts())
def test_regroup_takes_the_planned_cycles(pair):
    source, target = pair
    pixels = 5
    run = check(source, target, 4, pixels)
    planned = pixels * cycles_between(source, target)
    assert run.cycles["i"][-1] == run.cycles["o"][-1] == planned - 1


REGULAR = [
    # channels, source lanes, target lanes, cycles a pixel
    (16, 16, 1, 16),
    (16, 1, 16, 16),
    (16, 4, 16, 4),
    (16, 16, 4, 4),
    (10, 4, 2, 5),
    (10, 2, 4, 5),
    (12, 4, 6, 6),
    (5, 5, 2, 3),
    (5, 2, 5, 3),
    (7, 7, 7, 1),
]


@pytest.mark.parametrize(("channels", "lanes_in", "lanes_out", "cycles"), REGULAR)
def test_regroup_at_full_rate(channels, lanes_in, lanes_out, cycles):
    source, target = Layout.natural(channels, lanes_in), Layout.natural(channels, lanes_out)
    assert cycles_between(source, target) == cycles
    run = check(source, target, 8, pixels=20)
    assert run.cycles["i"][-1] == run.cycles["o"][-1] == 20 * cycles - 1


@pytest.mark.parametrize("pair", [(Layout.natural(20, 8), Layout.natural(20, 3))])
def test_regroup_starts_anew_after_reset(pair):
    for reset_at in (7, 8, 9, 10):
        check(*pair, 5, pixels=8, idle=0.2, stall=0.2, reset_at=reset_at)


def test_regroup_of_a_flattened_image():
    source = Layout.natural(6, 4).flattened((6, 7, 7))
    target = Layout(tuple((channel,) for channel in source.order))
    run = check(source, target, 8, pixels=2)
    assert run.cycles["o"][-1] + 1 == 2 * 6 * 49
    blocks = Layout(tuple(zip(source.order[::2], source.order[1::2], strict=True)))
    run = check(blocks, source, 8, pixels=2)
    assert run.cycles["o"][-1] + 1 == 2 * 3 * 49


def test_regroup_without_registers_where_beats_are_only_split():
    text = rtlil.convert(Regroup(Layout.natural(16, 16), Layout.natural(16, 4), 8), name="top")
    # The position in the beat is all that it must remember.
    assert text.count("cell $dff") == 1
    assert "kept" not in text


def test_regroup_refuses():
    with refuses("Layouts must carry the same channels in the same order"):
        Regroup(Layout.natural(4, 2), Layout(((0, 1), (3, 2))), 8)
    with refuses("Width must be a positive integer, not 0"):
        Regroup(Layout.natural(4, 2), Layout.natural(4, 1), 0)
    gap = Layout(((0, PAD, 1),))
    with refuses("Layouts must have pads only after the channels of a beat, not (0, -1, 1)"):
        Regroup(gap, Layout.natural(2, 1), 8)
    empty = Layout(((0, 1), (PAD, PAD)))
    with refuses("Layouts must have a channel in every beat, not (-1, -1)"):
        Regroup(Layout.natural(2, 1), empty, 8)
