"""The shift benchmark: what survives when the world moves."""

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.shift import AffineShift, Shift, ShiftOnset

__all__ = ["AffineShift", "Shift", "ShiftDataset", "ShiftOnset"]
