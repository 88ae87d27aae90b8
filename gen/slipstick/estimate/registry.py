"""What a component takes: the one function that every kind registers with."""

from functools import singledispatch

from amaranth.lib import wiring

from slipstick.estimate.counted import Counted


@singledispatch
def counted(part: wiring.Component) -> Counted:
    """What ``part`` takes, with everything below it.

    Raises `TypeError` for a component that no estimate knows of.
    """
    raise TypeError(f"Component must be of a kind that is counted, not {type(part).__name__}")
