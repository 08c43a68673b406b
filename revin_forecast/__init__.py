"""Forecasting with reversible instance normalization (RevIN).

Public names are imported on first use: `import revin_forecast` loads neither torch nor pandas, and
`from revin_forecast import RevIN` loads neither pandas nor lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

# Public names by the module that defines them, for `__getattr__`.
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
    "revin_forecast.models.reversible": ("Reversible",),
    "revin_forecast.backbones": (
        "Backbone",
        "ChannelFirstAdapter",
        "CovariateBackbone",
        "CycleNet",
        "DLinear",
        "DestationaryBackbone",
        "FITS",
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
        "TSLibAdapter",
        "TSMixer",
        "TiDE",
        "TiedAutoencoder",
        "TimesNet",
    ),
    "revin_forecast.data.memory_mapped.series": ("memory_map_table",),
    "revin_forecast.models.ensemble": ("Ensemble", "WeightedCombination"),
    "revin_forecast.forecasting.forecaster": ("Forecaster",),
    "revin_forecast.selection": ("SelectionSettings",),
    "revin_forecast.training.settings": ("TrainingSettings",),
    "revin_forecast.parameters.sharing": (
        "TransposedLinear",
        "parameter_summary",
        "share_parameters",
        "shared_parameters",
    ),
    "revin_forecast.parameters.weights": ("load_parameters", "save_parameters"),
    "revin_forecast.errors": ("InputError",),
    # Constant and WeightedCombination are not in __all__: only saved models and benchmark results
    # refer to them by their public name.
    "revin_forecast.shift.measuring.baselines": ("Constant",),
}
_MODULE_BY_NAME = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

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
    "DestationaryBackbone",
    "DishTS",
    "Ensemble",
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
    "TSLibAdapter",
    "TSMixer",
    "TiDE",
    "TiedAutoencoder",
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

# Type checkers can't follow __getattr__: they read a literal __all__ and plain imports.
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
        DestationaryBackbone,
        DLinear,
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
        TimesNet,
        TSLibAdapter,
        TSMixer,
    )
    from revin_forecast.data.memory_mapped.series import memory_map_table
    from revin_forecast.errors import InputError
    from revin_forecast.forecasting.forecaster import Forecaster
    from revin_forecast.models.ensemble import Ensemble
    from revin_forecast.models.reversible import Reversible
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
    from revin_forecast.parameters.sharing import (
        TransposedLinear,
        parameter_summary,
        share_parameters,
        shared_parameters,
    )
    from revin_forecast.parameters.weights import load_parameters, save_parameters
    from revin_forecast.selection import SelectionSettings
    from revin_forecast.training.settings import TrainingSettings


def __getattr__(name: str) -> object:
    """Import a public name on first use."""
    if name not in _MODULE_BY_NAME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULE_BY_NAME[name]), name)


def __dir__() -> list[str]:
    """List the public names, imported or not."""
    return sorted({*globals(), *__all__})
