"""Forecasts that move with the data: reversible instance normalization (RevIN) and around it.

Public names are imported when they are first used, so `import revin_forecast` touches neither
torch nor pandas, and `from revin_forecast import RevIN` neither pandas nor lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_NAMES_BY_MODULE = {
    "revin_forecast.normalizers": (
        "Arcsinh",
        "Blend",
        "Causal",
        "DAIN",
        "DishTS",
        "EMA",
        "FAN",
        "Identity",
        "LastValue",
        "MeanScale",
        "Normalizer",
        "RevIN",
        "Robust",
        "SAN",
        "Stationary",
    ),
    "revin_forecast.reversible": ("Reversible",),
    "revin_forecast.backbones": (
        "Backbone",
        "ChannelFirstAdapter",
        "CovariateBackbone",
        "CycleNet",
        "DLinear",
        "FITS",
        "DestationaryBackbone",
        "GRU",
        "Informer",
        "InvertedTransformer",
        "LSTM",
        "Linear",
        "MLP",
        "NBEATS",
        "NHITS",
        "PatchLM",
        "PatchTST",
        "PerChannel",
        "Repeat",
        "Ridge",
        "SCINet",
        "SeasonalNaive",
        "SegRNN",
        "Siamese",
        "SingleSeriesAdapter",
        "SparseTSF",
        "TSMixer",
        "TiDE",
        "TiedAutoencoder",
        "TSLibAdapter",
        "TimesNet",
    ),
    "revin_forecast.data.mapped": ("memory_map_table",),
    "revin_forecast.ensemble": ("Ensemble",),
    "revin_forecast.forecaster": ("Forecaster",),
    "revin_forecast.selection": ("SelectionSettings",),
    "revin_forecast.settings": ("TrainingSettings",),
    "revin_forecast.sharing": (
        "TransposedLinear",
        "parameter_summary",
        "share_parameters",
        "shared_parameters",
    ),
    "revin_forecast.weights": ("load_parameters", "save_parameters"),
    "revin_forecast.errors": ("InputError",),
    # Not in __all__: for the names in saved models and results of the benchmark alone.
    "revin_forecast.combination": ("WeightedCombination",),
    "revin_forecast.shift.references": ("Constant",),
}
_MODULE_BY_NAME = {name: home for home, names in _NAMES_BY_MODULE.items() for name in names}

__all__ = [
    "DAIN",
    "EMA",
    "FAN",
    "FITS",
    "GRU",
    "LSTM",
    "MLP",
    "NBEATS",
    "NHITS",
    "SAN",
    "Arcsinh",
    "Backbone",
    "Blend",
    "Causal",
    "ChannelFirstAdapter",
    "CovariateBackbone",
    "CycleNet",
    "DLinear",
    "DishTS",
    "Ensemble",
    "DestationaryBackbone",
    "Forecaster",
    "Identity",
    "Informer",
    "InputError",
    "InvertedTransformer",
    "LastValue",
    "Linear",
    "MeanScale",
    "Normalizer",
    "PatchLM",
    "PatchTST",
    "PerChannel",
    "Repeat",
    "RevIN",
    "Reversible",
    "Ridge",
    "Robust",
    "SCINet",
    "SeasonalNaive",
    "SegRNN",
    "SelectionSettings",
    "Siamese",
    "SingleSeriesAdapter",
    "SparseTSF",
    "Stationary",
    "TSMixer",
    "TiDE",
    "TiedAutoencoder",
    "TSLibAdapter",
    "TimesNet",
    "TrainingSettings",
    "TransposedLinear",
    "load_parameters",
    "memory_map_table",
    "parameter_summary",
    "save_parameters",
    "share_parameters",
    "shared_parameters",
]

if TYPE_CHECKING:
    from revin_forecast.backbones import (
        FITS,
        GRU,
        LSTM,
        MLP,
        NBEATS,
        NHITS,
        Backbone,
        ChannelFirstAdapter,
        CovariateBackbone,
        CycleNet,
        DLinear,
        DestationaryBackbone,
        Informer,
        InvertedTransformer,
        Linear,
        PatchLM,
        PatchTST,
        PerChannel,
        Repeat,
        Ridge,
        SCINet,
        SeasonalNaive,
        SegRNN,
        Siamese,
        SingleSeriesAdapter,
        SparseTSF,
        TiDE,
        TiedAutoencoder,
        TSLibAdapter,
        TimesNet,
        TSMixer,
    )
    from revin_forecast.data.mapped import memory_map_table
    from revin_forecast.ensemble import Ensemble
    from revin_forecast.errors import InputError
    from revin_forecast.forecaster import Forecaster
    from revin_forecast.normalizers import (
        DAIN,
        EMA,
        FAN,
        SAN,
        Arcsinh,
        Blend,
        Causal,
        DishTS,
        Identity,
        LastValue,
        MeanScale,
        Normalizer,
        RevIN,
        Robust,
        Stationary,
    )
    from revin_forecast.reversible import Reversible
    from revin_forecast.selection import SelectionSettings
    from revin_forecast.settings import TrainingSettings
    from revin_forecast.sharing import (
        TransposedLinear,
        parameter_summary,
        share_parameters,
        shared_parameters,
    )
    from revin_forecast.weights import load_parameters, save_parameters


def __getattr__(name: str) -> object:
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_BY_NAME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
