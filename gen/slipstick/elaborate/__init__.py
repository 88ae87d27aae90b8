"""From graph and plan to the circuit: picks the templates and connects them."""

from slipstick.elaborate.network import Network
from slipstick.elaborate.stage import component

__all__ = ["Network", "component"]
