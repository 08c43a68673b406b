"""Will instance normalization help a channel? An answer in words, before anything is modelled."""

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
"""Fewer stretches of look-back and horizon tell nothing."""

MIN_EFFECT = 0.005
"""A smaller part of the squared error than this is no difference."""


@dataclass(frozen=True)
class Verdict:
    """An answer and why."""

    answer: Answer
    reason: str
    """Starts with "because"."""
    break_even: float
    """delta*, in units of the values: how far levels must move for the answer to turn."""
    evidence: LevelEvidence | None = None


def judge_channels(values: np.ndarray, train: int, lookback: int, horizon: int) -> list[Verdict]:
    """Judge each channel by its rows after training; no model is fitted.

    Autocovariances of the training rows give the best linear forecasts with and without the
    training level known; the windows after training say which was nearer. "Can't tell" where the
    difference is less than its standard error, less than half a percent of the squared error, or
    rests on fewer than five stretches.

    Args:
        values: (time, channels), standardized by the training rows; NaN is unobserved. All rows
            from `train` on are looked at: cut the test rows off for an answer that has not seen
            them.
        train: rows of training, from the first.
        lookback: steps seen.
        horizon: steps forecast.
    """
    rows = torch.from_numpy(values[:train].astype(np.float64))
    covariance = autocovariance(rows, lookback + horizon)
    marks = level_standard_error(covariance[:lookback]).tolist()
    # Windows forecast rows after training only; the look-back of the first ones lies in it.
    later = values[max(0, train - lookback) :]
    told = [
        _judge_channel(column, covariance[:, place], lookback, mark)
        for place, (column, mark) in enumerate(zip(later.T, marks, strict=True))
    ]
    nothing = Verdict("can't tell", "because nothing of it is observed in the training rows", 0.0)
    return [
        verdict if seen else nothing
        for verdict, seen in zip(told, rows.isfinite().any(dim=0).tolist(), strict=True)
    ]


def _judge_channel(
    later: np.ndarray, covariance: Tensor, lookback: int, break_even: float
) -> Verdict:
    if not covariance[0] > 0:
        return Verdict("can't tell", "because it is constant in the training rows", break_even)
    evidence = level_evidence(later, LevelForecast.from_autocovariance(covariance, lookback))
    if evidence is None:
        short = "because no window after training is observed well enough"
        return Verdict("can't tell", short, break_even)
    return Verdict(*_answer_with_reason(evidence, break_even), break_even, evidence)


def _answer_with_reason(evidence: LevelEvidence, break_even: float) -> tuple[Answer, str]:
    facts = (
        f"levels of windows after training stray {evidence.level_rms:.2f} from the training level, noise "
        f"alone makes {break_even:.2f}, and the horizon follows {_format_share(evidence.followed_share)} of that "
        "(half breaks even)"
    )
    if evidence.span_count < MIN_SPANS:
        return "can't tell", (
            "because the rows after training are too short: as many stretches of look-back and "
            f"horizon as fit are {evidence.span_count}, and it takes {MIN_SPANS}"
        )
    if abs(evidence.gain) < MIN_EFFECT:
        return "can't tell", (
            f"because it makes hardly a difference: less than {MIN_EFFECT:.1%} of a linear "
            "forecast's squared error either way"
        )
    if abs(evidence.gain) < evidence.standard_error:
        return "can't tell", (
            f"because over {evidence.span_count} stretches the gain is less than its standard error: "
            f"{facts}"
        )
    if evidence.gain > 0:
        return "instance normalization will help", f"because {facts}"
    return "instance normalization will hurt", f"because {facts}"


def _format_share(followed: float) -> str:
    if followed >= 1:
        return "all"
    return f"{100 * followed:.0f} %" if followed >= 0.005 else "none"
