from dataclasses import dataclass

EXACT = 1e-9
"""Tolerance where the two sides are one number, up to rounding."""


@dataclass(frozen=True)
class Check:
    """One claim, as theory has it and as it was measured."""

    name: str
    claim: str
    predicted: float
    measured: float
    tol: float
    """Largest difference, relative to the prediction or, where that is less than 1, absolute."""
    at_most: bool = False
    """The prediction is an upper bound."""

    @property
    def passed(self) -> bool:
        """Whether they agree."""
        room = self.tol * max(1.0, abs(self.predicted))
        if self.at_most:
            return bool(self.measured <= self.predicted + room)
        return bool(abs(self.measured - self.predicted) <= room)
