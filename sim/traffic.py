"""How frames are driven, and how long nothing may happen."""

from dataclasses import dataclass

from slipstick.build_folder import Manifest


@dataclass(frozen=True)
class Traffic:
    """Random traffic on both sides of the network.

    Attributes
    ----------
    idle : share of cycles in which the input offers nothing, ``0 <= idle < 1``.
    stall : share of cycles in which the output takes nothing, ``0 <= stall < 1``.
    seed : of both.
    """

    idle: float = 0.0
    stall: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("idle", "stall"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must be in [0, 1), not {getattr(self, name)!r}")

    @property
    def dense(self) -> bool:
        """Whether frames follow each other back to back, so that cycles can be measured."""
        return self.idle == self.stall == 0

    def patience(self, manifest: Manifest) -> int:
        """Cycles without a beat anywhere after which the circuit is said to stand still.

        Within its interval every stage moves at least one beat; twice that, and the latency of
        any pipeline, leave no doubt.
        """
        return round((2 * manifest.cycles_per_frame + 20_000) / (1 - self.idle) / (1 - self.stall))


DENSE = Traffic()
"""Frames back to back, the output always ready."""


def drain(manifest: Manifest) -> int:
    """Cycles run after the last frame to see whether beats come that should not."""
    return min(manifest.cycles_per_frame, 5_000) + 100
