"""What a circuit will take, and the folds that make the best of a board."""

from slipstick.estimate import engines, hardwired, lanes, readers, streams
from slipstick.estimate.describe import describe_estimate
from slipstick.estimate.goal import Goal, best_folds
from slipstick.estimate.network import Resources, estimate, total

__all__ = ["Goal", "Resources", "best_folds", "describe_estimate", "estimate", "total"]

_KINDS = (engines, hardwired, lanes, readers, streams)
"""Modules whose import registers the components they count."""
