"""`RangeSettings`: the values that a forecast may take; light, because every command imports it."""

import math
from dataclasses import dataclass

from revin_forecast.errors import InputError


@dataclass(frozen=True)
class RangeSettings:
    """The values that a forecast may take; each field is an option of the commands that fit.

    They are facts about the table, not about a model: a `Series` carries them, so they hold for
    every backbone, in backtests and for groups.

    >>> RangeSettings(minimum="none")
    RangeSettings(minimum='none', maximum=None, whole_numbers=True)
    """

    minimum: int | float | str | None = None
    """Smallest possible value of every series, or none. By default 0 for each series that never was
    below 0, such as amounts and counts."""
    maximum: int | float | None = None
    """Largest possible value of every series."""
    whole_numbers: bool = True
    """Round the forecast of each series that only had whole numbers. Mean rates of intermittent
    series are not rounded."""

    def __post_init__(self):
        if isinstance(self.minimum, str) and self.minimum != "none":
            raise InputError(
                f"the minimum is a number or none but got {self.minimum!r}. Pass --minimum 0, or "
                "--minimum none for no minimum."
            )
        for name, limit in (("minimum", self.minimum), ("maximum", self.maximum)):
            if not isinstance(limit, str | None) and not math.isfinite(limit):
                raise InputError(f"the {name} is a finite number but got {limit}; leave it out.")
        if (
            isinstance(self.minimum, int | float)
            and self.maximum is not None
            and self.minimum >= self.maximum
        ):
            raise InputError(
                f"the minimum {self.minimum:g} is not below the maximum {self.maximum:g}. Pass a "
                "smaller minimum or a larger maximum."
            )
