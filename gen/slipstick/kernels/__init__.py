"""The L1 convolution kernel: C++ compiled on first use, and its equivalent in plain torch."""

from slipstick.kernels.compiler import kernel_available
from slipstick.kernels.l1 import l1_distance, l1_input_gradient

__all__ = ["kernel_available", "l1_distance", "l1_input_gradient"]
