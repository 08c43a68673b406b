from dataclasses import dataclass

EXACT_TOLERANCE = 1e-9
"""Tolerance where the two sides are one number, up to rounding."""


@dataclass(frozen=True)
class TheoryCheck:
    """One claim, as theory has it and as it was measured."""

    name: str
    claim: str
    predicted: float
    measured: float
    tol: float
    """Largest difference, relative to the prediction or, where that is less than 1, absolute."""
    is_upper_bound: bool = False
    """The prediction is an upper bound."""

    @property
    def has_passed(self) -> bool:
        """Whether they agree."""
        room = self.tol * max(1.0, abs(self.predicted))
        if self.is_upper_bound:
            return bool(self.measured <= self.predicted + room)
        return bool(abs(self.measured - self.predicted) <= room)
