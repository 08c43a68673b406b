"""Run tasks in this process, in local worker processes or on a Ray cluster."""

import os
from typing import get_args

from revin_forecast.errors import InputError
from revin_forecast.utils.parallel.engine import Engine, EngineName

__all__ = ["Engine", "EngineName", "count_usable_cores", "make_engine"]


def count_usable_cores() -> int:
    """Return the number of cores that this process may use: fewer than the machine's, perhaps."""
    # taskset, a batch scheduler or a container restricts a process to some of the cores.
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def make_engine(name: EngineName, workers: int | None = None, address: str | None = None) -> Engine:
    """Return an engine.

    Args:
        name: "inline" (this process), "local" (worker processes on this machine) or "ray" (a Ray
            cluster).
        workers: number of local worker processes; one per usable core by default. Ray uses all
            cores of its cluster.
        address: address of a Ray cluster; by default the cluster that this process is connected
            to, otherwise a cluster started on this machine.

    Raises:
        InputError: unknown engine, fewer than one worker, or Ray is not installed.
    """
    if name not in get_args(EngineName):
        raise InputError(f"the engine is one of {list(get_args(EngineName))} but got {name!r}.")
    # Import only the chosen engine, so that the others cost no import time.
    if name == "inline":
        from revin_forecast.utils.parallel.inline import InlineEngine

        return InlineEngine()
    if name == "ray":
        from revin_forecast.utils.parallel.ray import RayEngine

        return RayEngine(address)
    from revin_forecast.utils.parallel.local import LocalEngine

    return LocalEngine(count_usable_cores() if workers is None else workers)
