from revin_forecast.shift.engines.base import Engine, engine_named

__all__ = ["Engine", "engine_named"]
