"""From the float graph to the integer graph: calibration, scales, folding, lossless clips."""

from slipstick.quantise.accuracy import float_accuracy, integer_accuracy, saturations
from slipstick.quantise.images import quantise_input
from slipstick.quantise.lower import quantise

__all__ = ["float_accuracy", "integer_accuracy", "quantise", "quantise_input", "saturations"]
