"""The names of this package and their modules, for `__init__.py` and for type checkers."""

__all__: list[str]

from .affine import AffineNormalizer as AffineNormalizer
from .affine import LocationScaleNormalizer as LocationScaleNormalizer
from .arcsinh import Arcsinh as Arcsinh
from .base import Normalizer as Normalizer
from .blend import Blend as Blend
from .causal import Causal as Causal
from .dain import DAIN as DAIN
from .ddn import DDN as DDN
from .difference_scale import DifferenceScale as DifferenceScale
from .dish_ts import DishTS as DishTS
from .ema import EMA as EMA
from .fan import FAN as FAN
from .identity import Identity as Identity
from .last_value import LastValue as LastValue
from .learned import InitializedFromData as InitializedFromData
from .learned import LearnedNormalizer as LearnedNormalizer
from .learned import PretrainedNormalizer as PretrainedNormalizer
from .log_mean import LogMean as LogMean
from .mean_scale import MeanScale as MeanScale
from .norin import NoRIN as NoRIN
from .partial_shift import PartialShift as PartialShift
from .revin import RevIN as RevIN
from .robust import Robust as Robust
from .san import SAN as SAN
from .shrunk_level import ShrunkLevel as ShrunkLevel
from .stationary import Stationary as Stationary
from .statistics import LocationScale as LocationScale
