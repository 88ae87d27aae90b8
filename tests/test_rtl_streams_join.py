"""Joins: addition and concatenation."""

import numpy as np
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from streams import from_words, refuses, run_stream, to_words

from slipstick.rtl_templates.join import AddStreams, Branch, ConcatStreams

branches = st.builds(Branch, st.integers(1, 12), st.booleans(), st.integers(0, 4))
pauses = st.sampled_from([0.0, 0.5])


def bounds(branch):
    """Interval of the shifted values of a branch."""
    lo = -(1 << (branch.width - 1)) if branch.signed else 0
    return lo << branch.shift, (lo + (1 << branch.width) - 1) << branch.shift


def random_lanes(branch, beats, lanes, seed):
    draw = np.random.default_rng(seed)
    lo, hi = (bound >> branch.shift for bound in bounds(branch))
    values = draw.integers(lo, hi + 1, (beats, lanes))
    # The extremes are where a sum would overflow.
    values[:2] = [[lo], [hi]]
    return values


def adder(lanes, a, b):
    (lo_a, hi_a), (lo_b, hi_b) = bounds(a), bounds(b)
    return AddStreams(lanes, a, b, lo_a + lo_b, hi_a + hi_b)


def run_adder(a, b, lanes, beats, **traffic):
    left, right = random_lanes(a, beats, lanes, 1), random_lanes(b, beats, lanes, 2)
    component = adder(lanes, a, b)
    words = {"i0": to_words(left, a.width), "i1": to_words(right, b.width)}
    run = run_stream(component, words, {"o": beats}, **traffic)
    given = from_words(run.output, lanes, component.out_width, component.out_signed)
    assert_array_equal(given, component.model(left, right))
    assert_array_equal(given, (left << a.shift) + (right << b.shift))
    return run


@settings(max_examples=40, deadline=None)
@given(branches, branches, st.integers(1, 4), pauses, pauses)
def test_sums_are_exact(a, b, lanes, idle, stall):
    run_adder(a, b, lanes, 30, idle=idle, stall=stall)


def test_adder_at_full_rate():
    run = run_adder(Branch(8, True, 0), Branch(6, False, 2), 3, 200)
    assert run.cycles["i0"] == run.cycles["i1"] == list(range(200))
    assert run.cycles["o"] == list(range(1, 201))


def test_adder_is_empty_after_reset():
    a, b = Branch(8, True, 0), Branch(6, False, 2)
    run_adder(a, b, 3, 60, idle=0.2, stall=0.5, reset_at=20)


def run_concat(parts, beats, lanes, pixels, **traffic):
    out_width = max(value_bits(branch) for branch in parts)
    values = [
        random_lanes(branch, pixels * count, lanes, seed)
        for seed, (branch, count) in enumerate(zip(parts, beats, strict=True))
    ]
    component = ConcatStreams(lanes, beats, parts, out_width)
    words = {f"i{k}": to_words(v, parts[k].width) for k, v in enumerate(values)}
    run = run_stream(component, words, {"o": pixels * sum(beats)}, **traffic)
    expected = component.model(*values)
    assert run.output == to_words(expected, out_width)
    by_pixel = [v.reshape(pixels, -1) << b.shift for v, b in zip(values, parts, strict=True)]
    assert_array_equal(expected.reshape(pixels, -1), np.concatenate(by_pixel, axis=1))
    return run


def value_bits(branch):
    """Bits that hold every value of a branch, signed."""
    return branch.width + branch.shift + (not branch.signed)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(branches, st.integers(1, 5)), min_size=2, max_size=4),
    st.integers(1, 3),
    pauses,
    pauses,
)
def test_concatenation(parts, lanes, idle, stall):
    kinds, beats = zip(*parts, strict=True)
    run_concat(kinds, beats, lanes, pixels=6, idle=idle, stall=stall)


def test_concatenation_at_full_rate_and_after_reset():
    parts = (Branch(8, True, 1), Branch(6, False, 0), Branch(3, True, 3))
    run = run_concat(parts, (2, 3, 1), 2, pixels=20)
    assert run.cycles["o"] == list(range(120))
    for reset_at in (3, 7, 8):
        run_concat(parts, (2, 3, 1), 2, pixels=5, stall=0.3, reset_at=reset_at)


def test_joins_convert():
    parts = (Branch(8, True, 1), Branch(6, False, 0))
    assert "top" in rtlil.convert(adder(4, *parts), name="top")
    assert "top" in rtlil.convert(ConcatStreams(2, (1, 1), parts, 9), name="top")


def test_joins_refuse():
    part = Branch(8, True, 0)
    with refuses("Width must be a positive integer, not 0"):
        Branch(0, True, 0)
    with refuses("Shift must be a non-negative integer, not -1"):
        Branch(8, True, -1)
    with refuses("Lanes must be a positive integer, not 0"):
        AddStreams(0, part, part, -256, 254)
    with refuses("Interval must be in order, not [3, 2]"):
        AddStreams(1, part, part, 3, 2)
    with refuses("Lanes must be a positive integer, not 0"):
        ConcatStreams(0, (1, 1), (part, part), 8)
    with refuses("Beats must be given for each of 2 or more branches, not (1,)"):
        ConcatStreams(1, (1,), (part,), 8)
    with refuses("Beats must be positive integers, not (1, 0)"):
        ConcatStreams(1, (1, 0), (part, part), 8)
