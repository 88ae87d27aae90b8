"""Drives a compiled network from Python, and tells the C driver what it was compiled to."""

from slipstick.driver.memory import frame_bytes, results
from slipstick.driver.model import Model, model_of, read_model, write_model

__all__ = [
    "Model",
    "frame_bytes",
    "model_of",
    "read_model",
    "results",
    "write_model",
]
