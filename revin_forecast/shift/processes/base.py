"""revin_forecast/shift/processes/base.py."""

import hashlib
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Process(ABC):
    """A process that series are drawn from, with its exact conditional expectation.

    Values are in the process's own units and are not z-scored again: mean 0 and deviation 1 by
    construction, where the process has them.
    """

    rows: int = 4000
    seed: int = 0

    @property
    @abstractmethod
    def season(self) -> int:
        """Steps of one season; 1: none."""

    @abstractmethod
    def simulate(self) -> np.ndarray:
        """Return (rows, channels), the same for the same parameters and seed.

        Sources that differ in a parameter but not in the seed use the same innovations.
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
        """Return random numbers that depend on the kind of process, its seed and a word alone."""
        text = f"{type(self).__name__}\n{self.seed}\n{stream}".encode()
        entropy = int.from_bytes(hashlib.sha256(text).digest()[:16], "big")
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))

    def make_variant(self, shift: str, knob: float) -> "Process | None":
        """Return the process after a shift of its own parameters; None: it has none of that name.

        Args:
            shift: name of the shift: noise, regime, tails, channels or concept.
            knob: its strength.
        """
        return None


def find_last_observed(past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the step and the value of the last observed entry, each (windows, channels).

    Args:
        past: (windows, lookback, channels); NaN is unobserved. Where nothing is observed the
            value is NaN.
    """
    age = np.argmax(np.isfinite(past[:, ::-1]), axis=1)
    step = past.shape[1] - 1 - age
    return step, np.take_along_axis(past, step[:, None], axis=1)[:, 0]


def to_student_t(normals: np.ndarray, degrees_of_freedom: float) -> np.ndarray:
    """Turn standard normal numbers into Student's t with the same ranks and unit variance.

    Args:
        normals: of any shape.
        degrees_of_freedom: degrees, above 2; infinite: the numbers stay as they are.

    >>> heavier(np.array([-1.0, 1.0, 3.0]), 5.0).round(2)
    array([-0.86,  0.86,  4.27])
    """
    if np.isinf(degrees_of_freedom):
        return normals
    # Imported here: few sources need it, and it takes a while.
    from scipy.special import ndtr, stdtrit

    # By the lower tail: near 1 a probability can't tell large numbers apart.
    quantile = -stdtrit(degrees_of_freedom, ndtr(-np.abs(normals)))
    return np.sign(normals) * quantile * np.sqrt((degrees_of_freedom - 2) / degrees_of_freedom)
