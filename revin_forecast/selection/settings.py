import math
from dataclasses import dataclass
from typing import Literal

from revin_forecast.errors import InputError

DEFAULT_BUDGET_SECONDS = {"standard": 20.0, "thorough": 600.0}


@dataclass(frozen=True)
class SelectionSettings:
    """How the model is chosen where none is named."""

    seasons: tuple[int, ...] = ()
    """Steps in a season, the main one first; found if none is given."""
    effort: Literal["standard", "thorough"] = "standard"
    """standard: naive forecasts and maps in closed form. thorough: trained backbones as well."""
    budget: float | int | None = None
    """Seconds after which no further candidate is begun; None: 20, or 600 for thorough."""

    def __post_init__(self):
        if any(season < 2 for season in self.seasons):
            raise InputError(
                f"a season is a number of steps from 2 up but got {list(self.seasons)}. Pass "
                "24 for a day of hours, or leave --season out."
            )
        if self.budget is not None and not (0 <= self.budget < math.inf):
            raise InputError(f"the budget is in seconds, from 0 up, but got {self.budget}.")

    @property
    def budget_seconds(self) -> float:
        """The budget, whether given or usual."""
        return DEFAULT_BUDGET_SECONDS[self.effort] if self.budget is None else float(self.budget)
