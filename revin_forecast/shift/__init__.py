"""The shift benchmark: what survives when the world moves."""

from revin_forecast.shift.base import AffineShift, Moment, Shift
from revin_forecast.shift.world import World

__all__ = ["AffineShift", "Moment", "Shift", "World"]
