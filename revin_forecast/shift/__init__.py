"""The shift benchmark: what survives when the world moves."""

from revin_forecast.shift.base import AffineShift, ShiftOnset, Shift
from revin_forecast.shift.world import ShiftDataset

__all__ = ["AffineShift", "ShiftOnset", "Shift", "ShiftDataset"]
