from revin_forecast.shift.engines.base import JobEngine, make_job_engine

__all__ = ["JobEngine", "make_job_engine"]
