"""Run the jobs of a benchmark, and record their results so that a killed run resumes."""

from typing import Literal

from revin_forecast.shift.runner.engine import JobEngine

__all__ = ["JobEngine", "make_job_engine"]


def make_job_engine(name: Literal["local", "ray"], workers: int, address: str | None) -> JobEngine:
    """Return an engine.

    Args:
        name: local or ray.
        workers: processes of the local one; ray uses the cores of its cluster.
        address: of a Ray cluster; None: one is started here.
    """
    if name == "ray":
        from revin_forecast.shift.runner.ray import RayJobEngine

        return RayJobEngine(address)
    from revin_forecast.shift.runner.local import LocalJobEngine

    return LocalJobEngine(workers)
