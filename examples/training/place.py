"""Where a run happens: a processor or GPU, alone or as one of several ranks under torchrun."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from slipstick.errors import SlipstickError


@dataclass(frozen=True)
class Place:
    """A device, and which of how many ranks this process is."""

    device: torch.device
    rank: int = 0
    ranks: int = 1

    @property
    def first(self) -> bool:
        """Whether this rank writes files and shows progress."""
        return self.rank == 0

    def share(self, batch: torch.Tensor) -> torch.Tensor:
        """This rank's part of a batch; the parts are equally large and make up the batch."""
        return batch[self.rank :: self.ranks]

    def wrap(self, model: nn.Module) -> tuple[nn.Module, nn.Module]:
        """``model`` on this device, and what to call for losses.

        With several ranks the gradients are averaged, so that they are those of the whole batch,
        and all ranks start with the first rank's weights and statistics. On GPUs a BatchNorm
        uses the statistics of the whole batch. Torch cannot do that on processors: there each
        rank normalises by its own part, and the first rank's running statistics count.
        """
        model = model.to(self.device)
        if self.ranks == 1:
            return model, model
        if self.device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
            return model, DistributedDataParallel(model, device_ids=[self.device])
        return model, DistributedDataParallel(model)


@contextmanager
def placed(device: str) -> Iterator[Place]:
    """This process's place; under torchrun it joins the others as long as the context lasts.

    Parameters
    ----------
    device : "cpu", "cuda", or "auto", a GPU if there is one.
    """
    kind = _kind(device)
    # Nothing on a GPU promises the same sums in the same order.
    torch.use_deterministic_algorithms(kind == "cpu")
    if "WORLD_SIZE" not in os.environ:
        yield Place(torch.device(kind))
        return
    if kind == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        kind = f"cuda:{os.environ['LOCAL_RANK']}"
    distributed.init_process_group("nccl" if kind.startswith("cuda") else "gloo")
    try:
        yield Place(torch.device(kind), distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def _kind(device: str) -> str:
    available = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if available else "cpu"
    if device == "cuda" and not available:
        raise SlipstickError(
            "Option '--device cuda'", "needs a GPU, and torch sees none", "leave it out"
        )
    return device
