"""The shift benchmark: how much accuracy a model keeps when the data distribution shifts."""

from revin_forecast.shift.dataset import ShiftDataset
from revin_forecast.shift.shift import AffineShift, Shift, ShiftOnset

__all__ = ["AffineShift", "Shift", "ShiftDataset", "ShiftOnset"]
