"""The call of the authors' RevIN layer over this package's arithmetic: change one import.

`RevIN` and `Normalize` take the arguments of the layers that the field copies, and are called as
`revin(x, "norm")` and `revin(x, "denorm")`. Between the two calls they remember the statistics of
one window for each thread. A call that could mean two windows is refused, never guessed.
"""

from revin_forecast.normalizers.compat.reference import Normalize
from revin_forecast.normalizers.compat.reference import ReferenceRevIN as RevIN

__all__ = ["Normalize", "RevIN"]
