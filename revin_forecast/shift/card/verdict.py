"""The verdict of a shift card: by how much instance normalization should change the error."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from revin_forecast.shift.card.gain_estimate import FITTED_MODEL, GainModel, GainPercent
from revin_forecast.shift.card.level_evidence import LevelEvidence, gather_evidence

Answer = Literal[
    "normalizing should lower the error", "normalizing should raise the error", "can't tell"
]

MIN_PROBABILITY = 0.65
"""Probability of a sign below which the size counts as noise, and there is no answer."""


@dataclass(frozen=True)
class Verdict:
    """The answer for a channel, with its size, its probability and its reason."""

    answer: Answer
    reason: str
    """Begins with "because"."""
    gain: GainPercent | None = None
    """By how many percent instance normalization should lower the mean absolute error, with an
    80 % interval; None without evidence."""
    probability: float = float("nan")
    """Probability that it lowers the error; NaN without evidence."""
    evidence: LevelEvidence | None = None

    @property
    def behaviour(self) -> str:
        """Course of the level after a move, as in "follows a trend"; empty without evidence."""
        return "" if self.evidence is None else _describe_level(self.evidence)

    @property
    def sentence(self) -> str:
        """The answer with its size.

        An example is "normalizing should lower the error by about 12 % (5 to 20)".
        """
        if self.gain is None:
            return self.answer
        low, middle, high = self.gain
        if self.answer == "normalizing should lower the error":
            return f"{self.answer} by about {_format_percent(middle)} % ({format_range(low, high)})"
        if self.answer == "normalizing should raise the error":
            size = f"{_format_percent(-middle)} % ({format_range(-high, -low)})"
            return f"{self.answer} by about {size}"
        return f"{self.answer}: the error should change by {format_range(-high, -low)} %"


def judge_channels(
    values: np.ndarray, train: int, lookback: int, horizon: int, model: GainModel = FITTED_MODEL
) -> list[Verdict]:
    """Predict for each channel by how much instance normalization lowers the test error.

    Twins of a linear map are compared in trials on the rows given, and four numbers of them enter
    the model: the results of the trials, the worth of the level in the training rows, their trend,
    and how far the level is expected to return. There is no answer if its sign is less probable
    than `MIN_PROBABILITY`.

    Args:
        values: (time, channels), standardized by the training rows; NaN is unobserved. Cut off the
            test rows: the verdict predicts what happens in the rows after the last one.
        train: number of training rows, from the first row on; the rest are validation rows.
        lookback: look-back steps.
        horizon: forecast steps.
        model: the model of the gain.
    """
    evidence = gather_evidence(values, train, lookback, horizon)
    return [
        _judge_channel(column, found, model) if found else _explain_silence(column)
        for column, found in zip(values[:train].T, evidence, strict=True)
    ]


def _explain_silence(training: np.ndarray) -> Verdict:
    if not np.isfinite(training).any():
        return Verdict("can't tell", "because nothing of it is observed in the training rows")
    return Verdict(
        "can't tell",
        "because the rows before the test part are too few for a trial with and without its level",
    )


def _judge_channel(training: np.ndarray, evidence: LevelEvidence, model: GainModel) -> Verdict:
    observed = training[np.isfinite(training)]
    if not len(observed) or observed.min() == observed.max():
        return Verdict("can't tell", "because it is constant in the training rows")
    estimate = model.estimate(evidence)
    answer: Answer = "can't tell"
    if estimate.probability >= MIN_PROBABILITY:
        answer = "normalizing should lower the error"
    elif estimate.probability <= 1 - MIN_PROBABILITY:
        answer = "normalizing should raise the error"
    reason = f"because {_describe_evidence(evidence, estimate.centre)}"
    return Verdict(answer, reason, estimate.percent, estimate.probability, evidence)


def _describe_evidence(evidence: LevelEvidence, centre: float) -> str:
    """Return the facts behind an estimate, in words."""
    won, trials = sum(log > 0 for log in evidence.trials), len(evidence.trials)
    moved = abs(evidence.displacement)
    level = f" and is {moved:.1f} standard deviations from its mean" if np.isfinite(moved) else ""
    # By the number that the sentence gives; the size of the trials has entered the estimate.
    agrees = (2 * won > trials) == (centre > 0)
    return (
        f"the level {_describe_level(evidence)}{level}, {'and' if agrees else 'but'} taking it "
        f"away helped in {won} of {trials} trials before the test rows"
    )


def _describe_level(evidence: LevelEvidence) -> str:
    if evidence.trend >= 0.5:
        return "follows a trend"
    if evidence.share > 0.5:
        return "returns to its mean"
    return "slowly returns to its mean" if evidence.share > 0 else "stays where it goes"


def format_range(low: float, high: float) -> str:
    """Return "5 to 20"."""
    return f"{_format_percent(low)} to {_format_percent(high)}"


def _format_percent(percent: float) -> str:
    """Return whole percents, and one decimal below 2; never -0."""
    digits = 1 if abs(percent) < 2 else 0
    return f"{round(percent, digits) + 0.0:.{digits}f}"
