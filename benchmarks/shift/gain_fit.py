"""The model of the gain, fitted to rows of the record, with families left out in turn."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch

from benchmarks.evidence import Row
from revin_forecast.shift.card.gain_estimate import (
    DEGREES_OF_FREEDOM,
    GainModel,
    ModelInputs,
    signed_log,
)

MAX_FAMILY_SHARE = 0.1
"""Largest share of one family in the weights."""
MAX_GAIN = 1.5
"""Bound of a measured log ratio in the fit."""
STEADINESS = 1e-3
"""Penalty on the squared coefficients, except for the intercept."""


def balance_families(families: Sequence[str]) -> np.ndarray:
    """Return a weight for each row, at most 1, so that no family has more than a tenth of all.

    With fewer than ten families, all have the same weight in total.
    """
    if not families:
        return np.ones(0)
    counts = Counter(families)
    totals = {family: float(count) for family, count in counts.items()}
    for _ in range(100):
        limit = max(MAX_FAMILY_SHARE, 1 / len(totals)) * sum(totals.values())
        totals = {family: min(total, limit) for family, total in totals.items()}
    return np.array([totals[family] / counts[family] for family in families])


def fit_model(rows: Sequence[Row]) -> GainModel:
    """Fit the seven numbers by maximum likelihood (Student's t, five degrees of freedom)."""
    inputs = np.array([[1.0, *read_inputs(row)] for row in rows])
    design = torch.from_numpy(inputs[:, :-1])
    spread = torch.from_numpy(inputs[:, -1])
    gains = [signed_log(float(np.clip(row["log gain"], -MAX_GAIN, MAX_GAIN))) for row in rows]
    gain = torch.tensor(gains, dtype=torch.float64)
    weight = torch.from_numpy(balance_families([row["family"] for row in rows]))
    numbers = torch.zeros(7, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([numbers], max_iter=500, line_search_fn="strong_wolfe")
    distribution = torch.distributions.StudentT(torch.tensor(float(DEGREES_OF_FREEDOM)))

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        log_scale = numbers[5] + numbers[6] * spread
        missed = (gain - design @ numbers[:5]) / log_scale.exp()
        likelihood = distribution.log_prob(missed) - log_scale
        value = -(weight * likelihood).sum() / weight.sum()
        value = value + STEADINESS * numbers[1:].square().sum()
        value.backward()
        return value

    optimizer.step(loss)
    return GainModel(*(round(number, 2) for number in numbers.tolist()))


def fit_without_families(rows: Sequence[Row]) -> dict[str, GainModel]:
    """Return the model for each family that is fitted on all other families."""
    return {
        family: fit_model([row for row in rows if row["family"] != family])
        for family in dict.fromkeys(row["family"] for row in rows)
    }


def read_inputs(row: Row) -> ModelInputs:
    """Return the inputs of the model from a row of the record."""
    return ModelInputs(*(row[name] for name in ModelInputs._fields))
