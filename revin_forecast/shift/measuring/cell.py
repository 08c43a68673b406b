from dataclasses import dataclass
from typing import Literal

from revin_forecast.shift.shift import Shift

Placement = Literal["clean", "steady", "transition", "horizon", "observation", "natural"]


@dataclass(frozen=True)
class Cell:
    """One measurement of a run: a shift, where it lies, how strong."""

    shift: Shift | None
    placement: Placement
    severity: int = 0
    age: int = -1
    """Steps since the onset when the forecast is made; -1: long ago."""
    seed: int = 0
    """Of the shift."""

    @property
    def semantics(self) -> str:
        """What moves: process, observation, natural, or nothing: clean."""
        if self.shift is None:
            return self.placement
        return self.shift.semantics
