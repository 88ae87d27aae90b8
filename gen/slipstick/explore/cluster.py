"""Where the steps run: processes of this machine, a running scheduler, or a batch system."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Literal

from slipstick.errors import SlipstickError

BatchSystem = Literal["lsf", "slurm"]
CLASSES = {"lsf": "LSFCluster", "slurm": "SLURMCluster"}


@contextmanager
def connected(workers: int, scheduler: str | None, batch: BatchSystem | None) -> Iterator[Any]:
    """Yields a `distributed.Client`; what was started for it is ended with it.

    ``scheduler`` is the address of a running one; ``batch`` starts ``workers`` jobs there, as the
    user's dask configuration describes them; else ``workers`` processes run here.

    Raises `SlipstickError` if a package is missing or the scheduler does not answer.
    """
    distributed = _required("distributed", "slipstick[explore]")
    if scheduler is not None:
        try:
            client = distributed.Client(scheduler)
        except (OSError, ValueError) as error:
            raise SlipstickError(
                f"Scheduler '{scheduler}'",
                f"does not answer ({error})",
                "start one with `dask scheduler`, or leave out --scheduler",
            ) from error
        with client:
            yield client
        return
    with _cluster(distributed, workers, batch) as cluster, distributed.Client(cluster) as client:
        yield client


def _cluster(distributed: Any, workers: int, batch: BatchSystem | None) -> Any:
    if batch is not None:
        cluster = getattr(_required("dask_jobqueue", "dask-jobqueue"), CLASSES[batch])()
        cluster.scale(jobs=workers)
        return cluster
    return distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,
        # A step's memory is that of its own process, which a limit here would not see.
        memory_limit=0,
        dashboard_address=None,
        # That a worker died is no news: its step is done again.
        silence_logs=logging.CRITICAL,
    )


def _required(module: str, package: str) -> Any:
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        raise SlipstickError(
            f"Package '{module}'", "is not installed", f"pip install {package}"
        ) from error
