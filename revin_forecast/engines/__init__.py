"""Who does the work: the same tasks and results here, in other processes or on a cluster."""

from revin_forecast.engines.base import Engine, EngineName, make_engine

__all__ = ["Engine", "EngineName", "make_engine"]
