"""What every stream must carry, from the golden model, a bounded number of frames at a time."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from slipstick.build_folder import Manifest, StreamRecord
from slipstick.graph import Graph, run
from slipstick.sim.wrapper import probed_streams
from slipstick.streams import pack

VALUES = 1 << 24
"""int64 values of all tensors together that are computed at a time: 128 MB."""
MOST_FRAMES = 256


@dataclass(frozen=True, eq=False)
class Beats:
    """Consecutive frames as beats, uint32 ``(N, beats, words)`` a stream.

    Attributes
    ----------
    input : what is driven.
    probes : what is expected, one array a probe.
    output : integers ``(N, C, H, W)`` that leave the network.
    """

    input: np.ndarray
    probes: tuple[np.ndarray, ...]
    output: np.ndarray

    def __len__(self) -> int:
        return len(self.input)

    def records(self) -> np.ndarray:
        """A row a frame: the input's words, then every probe's, as the harness reads them."""
        arrays = (self.input, *self.probes)
        return np.concatenate([array.reshape(len(self), -1) for array in arrays], axis=1)


def golden_beats(graph: Graph, manifest: Manifest, images: np.ndarray) -> Iterator[Beats]:
    """The beats of ``images``, integers ``(N, C, H, W)``."""
    for start in range(0, len(images), chunk := frames_at_once(graph)):
        values = run(graph, torch.from_numpy(images[start : start + chunk]))
        arrays = {name: tensor.numpy() for name, tensor in values.items()}
        yield Beats(
            _packed(arrays, manifest.input),
            tuple(_packed(arrays, stream) for stream in probed_streams(manifest)),
            arrays[manifest.output.tensor],
        )


def frames_at_once(graph: Graph) -> int:
    """Frames whose tensors fit into `VALUES`."""
    size = sum(math.prod(tensor.shape) for tensor in graph.tensors.values())
    return min(max(VALUES // size, 1), MOST_FRAMES)


def _packed(arrays: dict[str, np.ndarray], stream: StreamRecord) -> np.ndarray:
    return pack(arrays[stream.tensor], stream.layout, stream.width)
