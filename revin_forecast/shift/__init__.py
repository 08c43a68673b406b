"""The shift benchmark: how much accuracy a model keeps when the data distribution shifts.

`__init__.pyi` lists the names; each is imported on first use, so `import revin_forecast.shift`
loads neither torch nor pandas.
"""

# lazy_loader has no types, which the strict mode of this package requires.
# pyright: standard
from lazy_loader import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
