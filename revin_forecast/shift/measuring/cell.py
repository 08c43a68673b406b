"""One measurement of a run."""

from dataclasses import dataclass
from typing import Literal

from revin_forecast.shift.shift import Shift

Placement = Literal["clean", "steady", "transition", "horizon", "observation", "fill", "natural"]
"""Position of the shift relative to the forecast; clean and natural have no added shift.

fill: as observation, but the model fills the gaps by itself."""


@dataclass(frozen=True)
class Cell:
    """One measurement of a run: a shift with its placement and severity."""

    shift: Shift | None
    placement: Placement
    severity: int = 0
    age: int = -1
    """Look-back steps since the onset; -1: the whole window is shifted."""
    seed: int = 0
    """Random seed of the shift."""

    @property
    def semantics(self) -> str:
        """Shifted part of the data: process, observation, natural (no added shift) or clean."""
        if self.shift is None:
            return self.placement
        return self.shift.semantics
