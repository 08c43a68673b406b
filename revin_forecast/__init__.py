"""Forecasts that move with the data: reversible instance normalization (RevIN) and around it.

Public names are imported when they are first used, so `import revin_forecast` touches neither
torch nor pandas, and `from revin_forecast import RevIN` neither pandas nor lightning.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOMES = {
    "revin_forecast.normalizers": ("Identity", "LastValue", "Normalizer", "RevIN"),
    "revin_forecast.reversible": ("Reversible",),
    "revin_forecast.errors": ("InputError",),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

__all__ = ["Identity", "InputError", "LastValue", "Normalizer", "RevIN", "Reversible"]

if TYPE_CHECKING:
    from revin_forecast.errors import InputError
    from revin_forecast.normalizers import Identity, LastValue, Normalizer, RevIN
    from revin_forecast.reversible import Reversible


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
