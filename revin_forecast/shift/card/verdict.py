"""The verdict of a shift card: whether instance normalization will help a channel."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from revin_forecast.normalizers.blend import autocovariance, level_standard_error
from revin_forecast.shift.card.level_evidence import LevelEvidence, LevelForecast, level_evidence

Answer = Literal[
    "instance normalization will help", "instance normalization will hurt", "can't tell"
]

MIN_SPANS = 5
"""Stretches of look-back and horizon below which there is no answer."""

MIN_EFFECT = 0.005
"""Share of the squared error below which two forecasts count as equal."""


@dataclass(frozen=True)
class Verdict:
    """The answer for a channel with its reason and evidence."""

    answer: Answer
    reason: str
    """Begins with "because"."""
    break_even: float
    """delta*, in units of the values: the level movement at which the answer turns."""
    evidence: LevelEvidence | None = None


def judge_channels(values: np.ndarray, train: int, lookback: int, horizon: int) -> list[Verdict]:
    """Judge each channel by its rows after training, without fitting a model.

    The autocovariances of the training rows give the best linear forecasts with a known and with an
    unknown training level. The errors in the windows after training decide between the two. The
    answer stays open if the difference is less than its standard error or than half a percent of
    the squared error, or rests on fewer than five stretches.

    Args:
        values: (time, channels), standardized by the training rows; NaN is unobserved. All rows
            from `train` on are used: cut off the test rows for an answer that is blind to them.
        train: number of training rows, from the first row on.
        lookback: look-back steps.
        horizon: forecast steps.
    """
    rows = torch.from_numpy(values[:train].astype(np.float64))
    covariance = autocovariance(rows, lookback + horizon)
    break_evens = level_standard_error(covariance[:lookback]).tolist()
    # The horizons are all after training; the look-backs of the first windows reach into it.
    later = values[max(0, train - lookback) :]
    verdicts = [
        _judge_channel(column, covariance[:, channel], lookback, break_even)
        for channel, (column, break_even) in enumerate(zip(later.T, break_evens, strict=True))
    ]
    unobserved = Verdict(
        "can't tell", "because nothing of it is observed in the training rows", 0.0
    )
    return [
        verdict if is_observed else unobserved
        for verdict, is_observed in zip(verdicts, rows.isfinite().any(dim=0).tolist(), strict=True)
    ]


def _judge_channel(
    later: np.ndarray, covariance: Tensor, lookback: int, break_even: float
) -> Verdict:
    if not covariance[0] > 0:
        return Verdict("can't tell", "because it is constant in the training rows", break_even)
    evidence = level_evidence(later, LevelForecast.from_autocovariance(covariance, lookback))
    if evidence is None:
        reason = "because no window after training is observed well enough"
        return Verdict("can't tell", reason, break_even)
    return Verdict(*_answer_with_reason(evidence, break_even), break_even, evidence)


def _answer_with_reason(evidence: LevelEvidence, break_even: float) -> tuple[Answer, str]:
    followed = f"{_format_share(evidence.followed_share)} of that"
    facts = (
        f"levels of windows after training stray {evidence.level_rms:.2f} from the training level, "
        f"noise alone makes {break_even:.2f}, and the horizon follows {followed} (half breaks even)"
    )
    # Checked first: with few stretches the standard error itself is not reliable.
    if evidence.span_count < MIN_SPANS:
        return "can't tell", (
            "because the rows after training are too short: as many stretches of look-back and "
            f"horizon as fit are {evidence.span_count}, and it takes {MIN_SPANS}"
        )
    if abs(evidence.gain) < MIN_EFFECT:
        smallest = f"{MIN_EFFECT:.1%} of"
        return "can't tell", (
            f"because it makes hardly a difference: less than {smallest} a linear "
            "forecast's squared error either way"
        )
    if abs(evidence.gain) < evidence.standard_error:
        return "can't tell", (
            f"because over {evidence.span_count} stretches the gain is less than its standard "
            f"error: {facts}"
        )
    if evidence.gain > 0:
        return "instance normalization will help", f"because {facts}"
    return "instance normalization will hurt", f"because {facts}"


def _format_share(share: float) -> str:
    if share >= 1:
        return "all"
    return f"{100 * share:.0f} %" if share >= 0.005 else "none"
