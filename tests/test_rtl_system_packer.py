"""Results into words of memory."""

import random

import pytest
from amaranth.back import rtlil
from hypothesis import given, settings
from hypothesis import strategies as st
from streams import refuses, run_stream

from slipstick.rtl_templates.system.packer import Packer

SHAPES = [
    # elements, lanes, width, signed, element_bytes, result_beats
    ((1,), 1, 8, False, 1, 1),
    ((1,), 1, 8, True, 1, 129),
    ((3,), 3, 8, False, 1, 43),
    ((3,), 4, 5, True, 1, 9),
    ((5,), 5, 8, True, 1, 1),
    ((7,), 7, 7, False, 1, 1),
    ((8,), 8, 8, False, 1, 16),
    ((4, 4, 1), 4, 8, True, 1, 3),
    ((1,), 1, 12, True, 2, 10),
    ((3, 2), 3, 16, True, 2, 4),
    ((2,), 2, 24, True, 4, 5),
    ((5,), 5, 20, False, 4, 3),
    ((16,), 16, 8, False, 1, 8),
    ((11, 3), 16, 8, True, 1, 4),
    ((9, 16, 1), 16, 6, False, 1, 3),
    ((8, 8, 3), 8, 9, True, 2, 6),
    ((2,), 2, 40, True, 8, 3),
]


def fields(word):
    """Data, strobe, last."""
    return word & (1 << 64) - 1, word >> 64 & 0xFF, word >> 72


def results_in(words):
    """Offset and bytes of each result; strobes must be one run of bytes in each."""
    results = []
    marked = []
    for data, strobe, last in map(fields, words):
        marked += [(strobe >> byte & 1, data >> 8 * byte & 0xFF) for byte in range(8)]
        if last:
            ours = [at for at, (mark, _) in enumerate(marked) if mark]
            assert ours == list(range(ours[0], ours[-1] + 1))
            # No word without a byte of the result.
            assert ours[0] < 8
            assert ours[-1] >= len(marked) - 8
            results.append((ours[0], bytes(byte for mark, byte in marked if mark)))
            marked = []
    assert not marked
    return results


def run_results(shape, offsets, seed=0, **traffic):
    """Random results to ``offsets``, checked against the model."""
    packer = Packer(*shape)
    draw = random.Random(seed)
    _, lanes, width, *_, count = shape
    results = [[draw.getrandbits(lanes * width) for _ in range(count)] for _ in offsets]
    words = sum(-(-(offset + packer.result_bytes) // 8) for offset in offsets)
    sent = {"i": [beat for beats in results for beat in beats], "offsets": offsets}
    run = run_stream(packer, sent, words, seed=seed, **traffic)
    expected = [(at, packer.model(beats)) for at, beats in zip(offsets, results, strict=True)]
    assert results_in(run.output) == expected
    return run


@pytest.mark.parametrize(("signed", "packed"), [(True, "ff0701f80100"), (False, "ff0701080100")])
def test_elements_fill_their_bytes(signed, packed):
    packer = Packer((2, 1), 2, 12, signed, 2, 2)
    beats = [0x8017FF, 0xFFF001]
    assert packer.model(beats).hex() == packed
    assert packer.result_bytes == 6
    run = run_stream(packer, {"i": beats, "offsets": [3]}, 2)
    assert results_in(run.output) == [(3, bytes.fromhex(packed))]
    assert [fields(word)[1] for word in run.output] == [0b11111000, 0b00000001]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_offsets(shape):
    offsets = [*range(8), 7, 7, 0, 0, 5]
    run_results(shape, offsets)
    run_results(shape, offsets[:8], idle=0.4, stall=0.4, seed=1)


@settings(max_examples=25)
@given(st.data())
def test_any_shape(data):
    lanes = data.draw(st.integers(1, 17), "lanes")
    elements = tuple(data.draw(st.lists(st.integers(1, lanes), min_size=1, max_size=4), "elements"))
    size = data.draw(st.sampled_from([1, 2, 4, 8]), "element_bytes")
    width = data.draw(st.integers(1, 8 * size), "width")
    signed = data.draw(st.booleans(), "signed")
    pixels = data.draw(st.integers(1, 5), "pixels")
    offsets = data.draw(st.lists(st.integers(0, 7), min_size=1, max_size=5), "offsets")
    pauses = st.sampled_from([0.0, 0.4])
    traffic = {"idle": data.draw(pauses), "stall": data.draw(pauses)}
    shape = (elements, lanes, width, signed, size, pixels * len(elements))
    run_results(shape, offsets, **traffic)


@pytest.mark.parametrize("shape", SHAPES[:11], ids=str)
def test_one_beat_a_cycle(shape):
    elements, *_, size, beats = shape
    last = elements[-1] * size
    total = beats // len(elements) * sum(elements) * size
    # One cycle more where the last beat does not fit its word.
    spills = [(offset + total - last) % 8 + last > 8 for offset in range(8)]
    run = run_results(shape, range(8))
    assert run.span("i") == 8 * beats + sum(spills[:-1])


def test_a_wide_beat_takes_a_cycle_a_chunk():
    run = run_results(SHAPES[12], [0])
    assert run.span("o") == 16


@pytest.mark.parametrize("reset_at", [1, 3, 7, 10])
def test_a_result_is_right_after_reset(reset_at):
    for shape in (SHAPES[4], SHAPES[7], SHAPES[13]):
        run_results(shape, [3, 6, 1], stall=0.3, reset_at=reset_at)


def test_converts():
    for shape in SHAPES[::4]:
        assert "top" in rtlil.convert(Packer(*shape), name="top")


def test_refuses():
    with refuses("Width must be at most 16 bits, not 17"):
        Packer((1,), 1, 17, True, 2, 1)
