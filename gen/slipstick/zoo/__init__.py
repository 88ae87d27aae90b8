"""The networks of the papers, untrained, with the parameter names of their released code.

`slipstick.zoo.counts` counts their operations, `slipstick.zoo.energy` weighs these with published
unit energies, and `slipstick.zoo.comparison` puts published ratios beside the result.
"""

from slipstick.zoo.counts import Counts, LayerCount, Work, count
from slipstick.zoo.network import SYSTEMS, Network, Published
from slipstick.zoo.registry import NETWORKS, build, check_options, find

__all__ = [
    "NETWORKS",
    "SYSTEMS",
    "Counts",
    "LayerCount",
    "Network",
    "Published",
    "Work",
    "build",
    "check_options",
    "count",
    "find",
]
