"""Evaluate maps that are solved again as the test part passes, on matured truth only."""

from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch

from revin_forecast.closed_form.seasonal_profile import DeseasonalizedModel
from revin_forecast.closed_form.sweep_result import SweepModel, SweepResult
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import Scores, score
from revin_forecast.models.reversible import Reversible
from revin_forecast.utils.progress import progress


@dataclass(frozen=True)
class OnlineResult:
    """Test scores of one horizon with maps that were solved again on the way."""

    horizon: int
    scores: Scores
    solves: int
    """Number of times that the maps were solved, the first on training and validation rows."""


def evaluate_online(
    split: ChronologicalSplit, sweep_result: SweepResult, solves: int = 10
) -> tuple[OnlineResult, ...]:
    """Score every test window with maps solved on all rows before a part of the test rows.

    The test rows are divided into equal parts. At the start of each, the maps are solved on the
    rows before it, so a window teaches only after its last target has passed; the forecasts of the
    part are made with them. The choice of look-backs, penalties and profile stays as it was made
    on training and validation rows, and so does the z-score. With one solve, this is the usual
    protocol.

    Args:
        split: chronological split; values are z-scored by its training rows.
        sweep_result: the choice, such as that of `sweep_ridge` on the rows before the test part.
        solves: number of parts.

    Returns:
        The scores of each horizon of the sweep.

    Raises:
        InputError: there are fewer test rows than parts, or the split's parts are separate tables.
    """
    rows = split.test - split.validation
    if split.has_independent_parts or not 1 <= solves <= rows:
        raise InputError(
            f"maps are solved again on the rows of one table, 1 to {rows} times in a test part of "
            f"{rows} rows, but got solves={solves}. Pass a smaller number, and one table."
        )
    values = torch.from_numpy(split.standardizer.transform(split.values))
    edges = [split.validation + rows * part // solves for part in range(solves + 1)]
    scores: dict[int, list[Scores]] = {horizon: [] for horizon in sweep_result.grid.horizons}
    with progress("solving maps again", solves) as advance:
        for start, stop in pairwise(edges):
            # Every horizon that still has an origin in this part.
            horizons = tuple(size for size in scores if start + size <= split.test)
            models = sweep_result.solve(values[:start], horizons) if horizons else {}
            for horizon, model in models.items():
                end = min(stop + horizon - 1, split.test)
                part = replace(split, validation=start, test=end)
                scores[horizon].append(_score_part(part, model, horizon))
            advance()
    return tuple(
        OnlineResult(horizon, _join_scores(parts), len(parts)) for horizon, parts in scores.items()
    )


def _score_part(split: ChronologicalSplit, model: SweepModel, horizon: int) -> Scores:
    """Score the windows of a split's test part."""
    inner, has_profile = model, False
    while not isinstance(inner, Reversible):
        has_profile |= isinstance(inner, DeseasonalizedModel)
        inner = inner.model
    lookback = inner.backbone.lookback
    assert isinstance(lookback, int)  # the backbone is a Ridge
    if has_profile:
        # The model looks up the phase of its profile by the row number.
        row_numbers = np.arange(len(split.values), dtype=np.float64)[:, None]
        split = replace(split, known=row_numbers)
    return score(model, split.make_windows("test", lookback, horizon))


def _join_scores(parts: list[Scores]) -> Scores:
    """Return the mean scores of all windows."""
    windows = [part.windows for part in parts]
    mse, mae = (
        float(np.average([getattr(part, name) for part in parts], weights=windows))
        for name in ("mse", "mae")
    )
    return Scores(mse, mae, sum(windows))
