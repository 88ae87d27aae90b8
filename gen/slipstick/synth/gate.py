"""The promise that nothing multiplies, checked on a design and on a synthesis result."""

import re
from collections import Counter

from slipstick.errors import SlipstickError
from slipstick.synth.result import SynthesisResult

MULTIPLYING_CELLS = ("$mul", "$div", "$mod", "$divfloor", "$modfloor", "$pow")
"""Yosys's word-level cells that multiply or divide.

``$macc`` is not among them: it appears only when `alumacc` collects these and plain adders,
which happens after both places where they are counted.
"""

_CELL = re.compile(rf"^\s*cell ({'|'.join(map(re.escape, MULTIPLYING_CELLS))}) ", re.MULTILINE)


def count_multipliers(rtlil_text: str) -> dict[str, int]:
    """Cells of each multiplying kind in RTLIL text; empty if nothing multiplies.

    Fast enough for every compile: one regular expression over the text, no synthesis.
    """
    return dict(sorted(Counter(_CELL.findall(rtlil_text)).items()))


def require_no_multipliers(result: SynthesisResult) -> None:
    """Raises `SlipstickError` naming the instances if anything in ``result`` multiplies."""
    guilty = [row for row in result.per_layer if row.resources.multipliers]
    if guilty:
        names = ", ".join(f"'{row.instance}' ({row.resources.multipliers})" for row in guilty)
        raise SlipstickError(
            f"Design '{result.top}'",
            f"has {result.total.multipliers} multipliers, in {names}, instead of 0",
            "report this as a bug of Slipstick unless the Verilog was edited",
        )
