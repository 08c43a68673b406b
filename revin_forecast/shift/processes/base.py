"""The base class of synthetic processes."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

import numpy as np

from revin_forecast.errors import InputError
from revin_forecast.utils.arguments import check_count


@dataclass(frozen=True)
class Process(ABC):
    """A stochastic process with a known conditional expectation.

    Values are in the process's own units and are not standardized again: the parameters give mean
    0 and deviation 1 where the process has them.
    """

    rows: int = 4000
    """Number of rows to simulate."""
    seed: int = 0
    """Random seed of the innovations."""

    def __post_init__(self) -> None:
        check_count(f"rows of {type(self).__name__}", self.rows, "rows")
        check_count(f"channels of {type(self).__name__}", getattr(self, "channels", 1), "channels")
        check_count(f"seed of {type(self).__name__}", self.seed, "seeds", minimum=0)
        for name, (low, high) in self.ranges.items():
            value = getattr(self, name)
            if not (isinstance(value, Real) and low <= float(value) <= high):
                raise InputError(
                    f"{name} of {type(self).__name__} is a number from {low:g} to {high:g} but got "
                    f"{value!r}. Change it in the suite, or leave it out."
                )

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Smallest and largest value of each parameter that is a single number."""
        return {}

    @property
    @abstractmethod
    def season(self) -> int:
        """Steps of one season; 1 without a season."""

    @abstractmethod
    def simulate(self) -> np.ndarray:
        """Return (rows, channels), the same for the same parameters and seed.

        Processes with the same seed use the same innovations, whatever their other parameters.
        """

    @abstractmethod
    def expectation(self, past: np.ndarray, rows: np.ndarray, horizon: int) -> np.ndarray:
        """Return the Bayes forecast E[future | past, parameters], (windows, horizon, channels).

        Args:
            past: (windows, lookback, channels); NaN is unobserved.
            rows: (windows,) number of each window's first row.
            horizon: steps ahead.
        """

    def random_generator(self, stream: str) -> np.random.Generator:
        """Return random numbers that depend on the class, the seed and the stream's name only."""
        # One stream for each kind of draw: added noise, say, leaves the innovations unchanged.
        text = f"{type(self).__name__}\n{self.seed}\n{stream}".encode()
        entropy = int.from_bytes(hashlib.sha256(text).digest()[:16], "big")
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def make_variant(self, shift: str, knob: float) -> "Process | None":
        """Return the process after a shift of its parameters; None: it has no such shift.

        Args:
            shift: name of the shift: noise, regime, tails, channels or concept.
            knob: strength of the shift.
        """
        return None


def find_last_observed(past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the step and the value of the last observed entry, each (windows, channels).

    Args:
        past: (windows, lookback, channels); NaN is unobserved. The value is NaN where a window has
            no observed entry.
    """
    age = np.argmax(np.isfinite(past[:, ::-1]), axis=1)
    step = past.shape[1] - 1 - age
    return step, np.take_along_axis(past, step[:, None], axis=1)[:, 0]


def to_student_t(normals: np.ndarray, degrees_of_freedom: float) -> np.ndarray:
    """Map standard normal numbers to Student's t of unit variance, keeping their ranks.

    Args:
        normals: standard normal numbers, any shape.
        degrees_of_freedom: above 2; infinite returns the numbers unchanged.

    >>> to_student_t(np.array([-1.0, 1.0, 3.0]), 5.0).round(2)
    array([-0.86,  0.86,  4.27])
    """
    if np.isinf(degrees_of_freedom):
        return normals
    # Imported here: few processes need it, and the import is slow.
    from scipy.special import ndtr, stdtrit

    # Through the lower tail: probabilities near 1 round to 1 and lose the largest numbers.
    quantile = -stdtrit(degrees_of_freedom, ndtr(-np.abs(normals)))
    return np.sign(normals) * quantile * np.sqrt((degrees_of_freedom - 2) / degrees_of_freedom)
