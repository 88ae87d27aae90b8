"""From graph and plan to the circuit: picks the templates and connects them."""

from slipstick.elaborate.network import Network

__all__ = ["Network"]
