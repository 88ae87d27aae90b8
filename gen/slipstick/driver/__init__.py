"""Drives a compiled network from Python, and tells the C driver what it was compiled to.

Without torch: what a board must have is numpy, pydantic and the compiler of SystemRDL.
"""

from slipstick.driver.accelerator import Accelerator
from slipstick.driver.counters import RunCounters, StageCounters
from slipstick.driver.mapped import DevmemTransport, UioTransport
from slipstick.driver.memory import frame_bytes, results
from slipstick.driver.model import Model, model_of, read_model, write_model
from slipstick.driver.pynq import PynqTransport
from slipstick.driver.simulated import SimulatedTransport
from slipstick.driver.status import DriverError, Status
from slipstick.driver.transport import Buffer, BusError, Transport

__all__ = [
    "Accelerator",
    "Buffer",
    "BusError",
    "DevmemTransport",
    "DriverError",
    "Model",
    "PynqTransport",
    "RunCounters",
    "SimulatedTransport",
    "StageCounters",
    "Status",
    "Transport",
    "UioTransport",
    "frame_bytes",
    "model_of",
    "read_model",
    "results",
    "write_model",
]
