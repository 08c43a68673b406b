"""Run the jobs of a benchmark and record their results, so that a killed run resumes."""

from typing import Literal

from revin_forecast.shift.runner.engine import JobEngine

__all__ = ["JobEngine", "make_job_engine"]


def make_job_engine(name: Literal["local", "ray"], workers: int, address: str | None) -> JobEngine:
    """Return the engine of that name.

    Args:
        name: local or ray.
        workers: number of local worker processes. Ray uses the cores of its cluster.
        address: address of a Ray cluster; None: start one on this machine.
    """
    if name == "ray":
        from revin_forecast.shift.runner.ray import RayJobEngine

        return RayJobEngine(address)
    from revin_forecast.shift.runner.local import LocalJobEngine

    return LocalJobEngine(workers)
