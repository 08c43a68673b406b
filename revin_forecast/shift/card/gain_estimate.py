"""The gain of instance normalization that the evidence of a channel lets one expect."""

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from revin_forecast.shift.card.level_evidence import LevelEvidence

RESOLUTION = 0.02
"""Log ratio up to which the signed log scale is linear: two percent of an error."""
DEGREES_OF_FREEDOM = 5
"""Of Student's t, which leaves room for surprises."""
MAX_DISPLACEMENT = 2.0
"""Training deviations."""
INTERVAL_QUANTILE = 1.475884
"""Student's t with five degrees of freedom stays below it with probability 0.9: the interval of a
gain has 80 %."""


class ModelInputs(NamedTuple):
    """The numbers of a channel that enter the model."""

    trials: float
    """Mean of the trials' signed logs; the k-th trial counts k times, as the latest rows are
    nearest to those that are predicted."""
    price: float
    """Signed log."""
    trend: float
    pull: float
    """share log(1 + |displacement|): how far the level is expected to return, which RevIN can't
    know. A displacement beyond 2 deviations counts as 2: that far, a break is more likely."""
    spread: float
    """Standard deviation of the trials' signed logs, with the weights of their mean."""

    @classmethod
    def from_evidence(cls, evidence: LevelEvidence) -> "ModelInputs":
        """Put the logs on the signed scale, and summarize trials and level."""
        signed = np.array([signed_log(log) for log in evidence.trials])
        weights = np.arange(1, len(signed) + 1)
        mean = float(np.average(signed, weights=weights))
        spread = float(np.average((signed - mean) ** 2, weights=weights)) ** 0.5
        # Where nothing of the last look-back is observed, no displacement is known.
        unknown = math.isnan(evidence.displacement)
        displacement = 0.0 if unknown else min(MAX_DISPLACEMENT, abs(evidence.displacement))
        pull = evidence.share * math.log1p(displacement)
        return cls(mean, signed_log(evidence.price), evidence.trend, pull, spread)


@dataclass(frozen=True)
class GainModel:
    """A linear model of the gain, on a signed log scale, with seven numbers.

    The signed log of a gain g (a natural log of errors, kept / taken) is
    u = sign(g) log(1 + |g| / 0.02). It is expected at `intercept` + `trials` mean(u of the trials)
    + `price` u(price) + `trend` trend + `pull` pull, and its error follows Student's t with five
    degrees of freedom and the scale exp(`log_scale` + `spread` (deviation of the trials' u)).
    """

    intercept: float
    trials: float
    price: float
    trend: float
    pull: float
    log_scale: float
    spread: float

    def estimate(self, evidence: LevelEvidence) -> "GainEstimate":
        """Return the gain that the evidence of a channel lets one expect."""
        return self.estimate_from(ModelInputs.from_evidence(evidence))

    def estimate_from(self, inputs: ModelInputs) -> "GainEstimate":
        """Return the gain that the inputs of a channel let one expect."""
        centre = (
            self.intercept
            + self.trials * inputs.trials
            + self.price * inputs.price
            + self.trend * inputs.trend
            + self.pull * inputs.pull
        )
        return GainEstimate(centre, math.exp(self.log_scale + self.spread * inputs.spread))


@dataclass(frozen=True)
class GainEstimate:
    """A gain and its uncertainty on the signed log scale."""

    centre: float
    scale: float

    @property
    def probability(self) -> float:
        """Probability that instance normalization lowers the error."""
        # The distribution function of Student's t with five degrees of freedom.
        angle = math.atan(self.centre / self.scale / math.sqrt(DEGREES_OF_FREEDOM))
        cosine = math.cos(angle)
        tail = angle + math.sin(angle) * cosine * (1 + 2 / 3 * cosine**2)
        return 0.5 + tail / math.pi

    @property
    def percent(self) -> "GainPercent":
        """The gain in percent of the error without normalization."""
        reach = INTERVAL_QUANTILE * self.scale
        ends = self.centre - reach, self.centre, self.centre + reach
        return GainPercent(*(percent_saved(restore_log(end)) for end in ends))


class GainPercent(NamedTuple):
    """By how many percent the error falls, negative where it rises, with an 80 % interval."""

    low: float
    middle: float
    high: float


def signed_log(log_ratio: float) -> float:
    """Return sign(g) log(1 + |g| / 0.02): linear for small gains, logarithmic for large ones."""
    return math.copysign(math.log1p(abs(log_ratio) / RESOLUTION), log_ratio)


def restore_log(signed: float) -> float:
    """Return the log ratio of a signed log."""
    return math.copysign(RESOLUTION * math.expm1(abs(signed)), signed)


def percent_saved(log_ratio: float) -> float:
    """Return the percentage by which the error falls if log(kept / taken) is this; at most 100."""
    return -100 * math.expm1(-max(log_ratio, -5.0))


FITTED_MODEL = GainModel(
    intercept=0.74,
    trials=0.48,
    price=0.30,
    trend=0.81,
    pull=-1.64,
    log_scale=-0.18,
    spread=0.41,
)
"""Fitted on all channels of `benchmarks.shift.verdicts`, where the model is judged by families
left out in turn."""
