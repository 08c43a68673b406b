"""`SelectionSettings`: how the automatic choice of a model searches."""

import math
from dataclasses import dataclass
from typing import Literal, get_args

from revin_forecast.errors import InputError
from revin_forecast.utils.arguments import check_choice

Effort = Literal["standard", "thorough"]
DEFAULT_BUDGET_SECONDS = {"standard": 20.0, "thorough": 600.0}


@dataclass(frozen=True)
class SelectionSettings:
    """Settings of the automatic choice, for a forecaster without a named backbone."""

    season: tuple[int, ...] = ()
    """Steps per season, the main season first (24 168); detected by default."""
    effort: Effort = "standard"
    """Candidates to compare, naive forecasts and linear maps (standard) or trained backbones, too
    (thorough)."""
    budget: float | None = None
    """Seconds after which no further candidate is started; by default 20, or 600 with
    --effort thorough."""
    without_pretrained: bool = False
    """Leave the pretrained network out of short tables."""

    def __post_init__(self):
        check_choice("effort", self.effort, get_args(Effort))
        if isinstance(self.season, int):
            raise InputError(
                f"season is a list of steps but got {self.season}; pass [{self.season}]."
            )
        if any(season < 2 for season in self.season):
            raise InputError(
                f"a season is a number of steps from 2 up but got {list(self.season)}. Pass "
                "24 for a day of hours, or leave --season out."
            )
        if self.budget is not None and not (0 <= self.budget < math.inf):
            raise InputError(f"the budget is in seconds, from 0 up, but got {self.budget}.")

    @property
    def budget_seconds(self) -> float:
        """The budget in seconds, or the default of the effort."""
        return DEFAULT_BUDGET_SECONDS[self.effort] if self.budget is None else float(self.budget)
