"""Reversible normalizers: one method a file, one contract for all."""

from revin_forecast.normalizers.base import Normalizer
from revin_forecast.normalizers.identity import Identity
from revin_forecast.normalizers.last_value import LastValue
from revin_forecast.normalizers.location_scale import LocationScale, LocationScaleNormalizer
from revin_forecast.normalizers.revin import RevIN

__all__ = [
    "Identity",
    "LastValue",
    "LocationScale",
    "LocationScaleNormalizer",
    "Normalizer",
    "RevIN",
]
