"""The estimate of LUT sites: each of its rules on a netlist of a few cells."""

from typing import Any

import pytest

from slipstick.synth.cells import count_cells
from slipstick.synth.sites import estimate_sites


def lut(output: int, *inputs: int | str) -> dict[str, Any]:
    ports: dict[str, list[Any]] = {f"I{n}": [bit] for n, bit in enumerate(inputs)}
    return {"type": f"LUT{len(inputs)}", "connections": {**ports, "O": [output]}}


def carry(select: list[Any], data: list[Any]) -> dict[str, Any]:
    return {"type": "CARRY4", "connections": {"S": select, "DI": data}}


def test_nothing_takes_nothing() -> None:
    assert estimate_sites([]) == 0


def test_select_pin_is_a_site_whatever_drives_it() -> None:
    flip_flops = carry([1, 2, 3, 4], ["0"] * 4)
    assert estimate_sites([flip_flops]) == 4
    luts = [lut(n, 10 + n, 20 + n) for n in (1, 2, 3, 4)]
    assert estimate_sites([flip_flops, *luts]) == 4


def test_constant_select_pin_is_free() -> None:
    assert estimate_sites([carry([1, "0", "1", "x"], ["0"] * 4)]) == 1


def test_data_lut_shares_the_site_up_to_five_inputs() -> None:
    chain = carry([1, "0", "0", "0"], [2, "0", "0", "0"])
    assert estimate_sites([chain, lut(1, 10, 11, 12), lut(2, 10, 11, 13, 14)]) == 1
    assert estimate_sites([chain, lut(1, 10, 11, 12), lut(2, 13, 14, 15)]) == 2


def test_select_lut_of_another_chain_is_no_data_lut() -> None:
    first = carry([1, "0", "0", "0"], [2, "0", "0", "0"])
    second = carry([2, "0", "0", "0"], ["0"] * 4)
    assert estimate_sites([first, second, lut(1, 10), lut(2, 10)]) == 2


@pytest.mark.parametrize(
    ("first", "second", "sites"),
    [
        ((1, 2), (3, 4), 1),
        ((1, 2, 3), (4, 5), 1),
        ((1, 2, 3), (4, 5, 6), 2),
        ((1, 2, 3), (3, 4, 5), 1),
        ((1, 2, 3, 4), (1, 2, 3, 5), 1),
        ((1, 2, 3, 4, 5), (1, 2, 3, 4, 5), 1),
        ((1, 2, 3, 4, 5), (6, 7), 2),
        ((1, 2, 3, 4, 5, 6), (1, 2), 2),
        (("0", 2, "1", 4), (5, 6, 7), 1),
    ],
)
def test_pairing(first: tuple[Any, ...], second: tuple[Any, ...], sites: int) -> None:
    assert estimate_sites([lut(100, *first), lut(101, *second)]) == sites


def test_estimate_does_not_depend_on_net_numbers() -> None:
    """Many LUTs on one net: the search is bounded, yet all of them find a partner."""
    many = [lut(1000 + n, 1, 2 + n) for n in range(400)]
    assert estimate_sites(many) == 200


def test_counts() -> None:
    kinds = ["LUT2", "LUT6", "INV", "FDRE", "FDSE", "CARRY4", "RAMB36E1", "RAMB18E1", "RAM32M"]
    counts = count_cells([*kinds, "RAM64X1D", "SRL16E", "DSP48E1", "MUXF7", "BUFG"])
    assert (counts.lut, counts.ff, counts.carry4, counts.dsp) == (3, 2, 1, 1)
    assert (counts.bram36, counts.lutram) == (1.5, 4 + 2 + 1)
