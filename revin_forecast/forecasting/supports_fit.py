"""The protocol of a forecaster that groups and backtests fit again from its parameters."""

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class SupportsFit(Protocol):
    """An object with scikit-learn's `get_params` and `fit`, such as a `Forecaster`."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's arguments, from which an equal object can be built."""
        ...

    def fit(self, table: Any) -> Any:
        """Fit on a table or a series and return the object itself."""
        ...
