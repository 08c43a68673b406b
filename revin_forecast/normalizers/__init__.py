"""Reversible normalizers: one method per file, one contract for all."""

from revin_forecast.normalizers.affine import AffineNormalizer, LocationScaleNormalizer
from revin_forecast.normalizers.arcsinh import Arcsinh
from revin_forecast.normalizers.base import Normalizer
from revin_forecast.normalizers.blend import Blend
from revin_forecast.normalizers.causal import Causal
from revin_forecast.normalizers.dain import DAIN
from revin_forecast.normalizers.dish_ts import DishTS
from revin_forecast.normalizers.ema import EMA
from revin_forecast.normalizers.fan import FAN
from revin_forecast.normalizers.identity import Identity
from revin_forecast.normalizers.last_value import LastValue
from revin_forecast.normalizers.learned import (
    InitializedFromData,
    LearnedNormalizer,
    PretrainedNormalizer,
)
from revin_forecast.normalizers.mean_scale import MeanScale
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.robust import Robust
from revin_forecast.normalizers.san import SAN
from revin_forecast.normalizers.stationary import Stationary
from revin_forecast.normalizers.statistics import LocationScale

__all__ = [
    "DAIN",
    "EMA",
    "FAN",
    "SAN",
    "AffineNormalizer",
    "Arcsinh",
    "Blend",
    "Causal",
    "DishTS",
    "Identity",
    "InitializedFromData",
    "LastValue",
    "LearnedNormalizer",
    "LocationScale",
    "LocationScaleNormalizer",
    "MeanScale",
    "Normalizer",
    "PretrainedNormalizer",
    "RevIN",
    "Robust",
    "Stationary",
]
