"""Run the same tasks in this process, in local processes or on a Ray cluster."""

import os
from typing import get_args

from revin_forecast.errors import InputError
from revin_forecast.parallel.engine import Engine, EngineName

__all__ = ["Engine", "EngineName", "make_engine"]


def make_engine(name: EngineName, workers: int | None = None, address: str | None = None) -> Engine:
    """Return an engine.

    Args:
        name: inline (this process), local (processes of this machine) or ray (a Ray cluster).
        workers: processes of the local one; None: one a core. Ray uses the cores of its cluster.
        address: of a Ray cluster; None: the one this process has, else one is started here.

    Raises:
        InputError: no such engine, no workers, or Ray is not installed.
    """
    if name not in get_args(EngineName):
        raise InputError(f"the engine is one of {list(get_args(EngineName))} but got {name!r}.")
    # Imported as they are needed: processes and Ray cost nothing to those who use neither.
    if name == "inline":
        from revin_forecast.parallel.inline import InlineEngine

        return InlineEngine()
    if name == "ray":
        from revin_forecast.parallel.ray import RayEngine

        return RayEngine(address)
    from revin_forecast.parallel.local import LocalEngine

    return LocalEngine((os.cpu_count() or 1) if workers is None else workers)
