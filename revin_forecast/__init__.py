"""Forecasting with reversible instance normalization (RevIN).

`__init__.pyi` lists the public names. They are imported on first use: `import revin_forecast` loads
neither torch nor pandas, and `from revin_forecast import RevIN` loads neither pandas nor lightning.
"""

from lazy_loader import attach_stub

__version__ = "0.1.0"

__getattr__, __dir__, _names = attach_stub(__name__, __file__)
# These are not public: only saved models and benchmark results refer to them by a name of the root.
_others = {"Constant", "Fracast", "KnownEffects", "WeightedCombination"}
__all__ = sorted({*_names} - _others)  # pyright: ignore[reportUnsupportedDunderAll]
