"""From the float graph to the integer graph: calibration, scales, folding, lossless clips."""

from slipstick.quantise.accuracy import float_accuracy, integer_accuracy, saturations
from slipstick.quantise.lower import lower as quantise
from slipstick.quantise.lower import quantise_input

__all__ = ["float_accuracy", "integer_accuracy", "quantise", "quantise_input", "saturations"]
