"""Bitstreams for ECP5 boards with open tools, and the host of their serial port."""

from slipstick.ecp5.build import build_ecp5
from slipstick.ecp5.result import Ecp5Result

__all__ = ["Ecp5Result", "build_ecp5"]
