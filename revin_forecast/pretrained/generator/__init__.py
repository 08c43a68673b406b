"""Synthetic series that teach the zero-shot network: NumPy only, no real value is used."""

from revin_forecast.pretrained.generator.batch import (
    GENERATOR_VERSION,
    SyntheticBatch,
    generate_series,
)
from revin_forecast.pretrained.generator.curriculum import draw_batch_shape

__all__ = ["GENERATOR_VERSION", "SyntheticBatch", "draw_batch_shape", "generate_series"]
