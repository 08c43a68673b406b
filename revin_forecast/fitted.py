from dataclasses import dataclass
from typing import Any

from revin_forecast.data.covariates import KnownColumns
from revin_forecast.data.scaling import Standardizer
from revin_forecast.data.series import Series
from revin_forecast.fitting import Recipe
from revin_forecast.reversible import Reversible


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted model with all that a forecast in the table's units needs."""

    recipe: Recipe
    """What was fitted, and how."""
    model: Reversible
    """In evaluation mode."""
    standardizer: Standardizer
    history: Series
    """The last `lookback` rows it was fitted on."""
    summary: dict[str, Any]
    """What it was fitted on, and what the fit reports."""
    columns: KnownColumns | None = None
    """The table's own known inputs, if it was fitted with any."""
