"""Draw sample paths of a forecast, whose steps depend on each other as forecast errors do."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from revin_forecast.data.reading.read_series import TableLike
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.predict import build_inputs, select_forecast_rows
from revin_forecast.models.intervals import normal_quantile
from revin_forecast.models.step_dependence import StepDependence
from revin_forecast.utils.arguments import check_count
from revin_forecast.utils.memory import memory_bytes
from revin_forecast.utils.shapes import Known, Past

SAMPLE_COLUMN = "sample"
"""Column with the number of the path."""
BYTES_PER_VALUE = 80
"""Peak memory of a drawn value: normal scores, quantiles around it, values and the table."""

Array = npt.NDArray[np.floating]


def sample_table(
    fitted: FittedModel,
    count: int,
    table: TableLike | None = None,
    future: TableLike | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Draw paths of the steps after a table's last row; see `Forecaster.sample`."""
    _check_count(fitted, count)
    history, past, known = build_inputs(fitted, table, future)
    paths = draw_paths(fitted, past, known, count, np.random.default_rng(seed))
    rows = select_forecast_rows(fitted, history)
    # One path gives the layout; the others have the same rows.
    layout = rows.forecast_frame({"": paths[0]})
    if SAMPLE_COLUMN in layout:
        raise InputError(
            f"the table has a column {SAMPLE_COLUMN!r}, which is the number of the path in the "
            "result; rename it."
        )
    # A long table has one column of values: those of one series after the other.
    values = paths if rows.format.id is None else paths.transpose(0, 2, 1)
    values = values.reshape(count * len(layout), -1)
    keys = layout.iloc[np.tile(np.arange(len(layout)), count), : -values.shape[1]]
    keys = keys.reset_index(drop=True)
    keys[SAMPLE_COLUMN] = np.repeat(np.arange(count), len(layout))
    names = layout.columns[-values.shape[1] :]
    return pd.concat([keys, pd.DataFrame(values, columns=names)], axis=1)


def draw_paths(
    fitted: FittedModel,
    past: Past,
    known: Known | None,
    count: int,
    generator: np.random.Generator,
) -> Array:
    """Draw paths (count, horizon, targets) in the table's units, within the range of values.

    Each step has the distribution of the model's quantiles; `StepDependence` joins the steps.
    Whole numbers are rounded to the nearest.

    Args:
        fitted: the model.
        past: (1, lookback, channels), standardized; NaN where unobserved.
        known: (1, lookback + horizon, covariates), for a model that takes known inputs.
        count: number of paths.
        generator: random numbers.
    """
    nodes = _find_nodes(fitted)
    levels = torch.special.ndtr(torch.from_numpy(nodes)).tolist()
    if fitted.model.levels:
        levels = list(fitted.model.levels)
    quantiles = fitted.compute_raw_quantiles(past, levels, known)[0].double().numpy()
    dependence = _find_dependence(fitted, quantiles.shape[1])
    scores = dependence.draw(count, quantiles.shape[0], generator)
    values = interpolate_quantiles(quantiles, nodes, scores)
    units = fitted.to_table_units(values.reshape(-1, values.shape[2]), level=0.5)
    return units.reshape(values.shape)


def interpolate_quantiles(quantiles: Array, nodes: Array, scores: Array) -> Array:
    """Return the quantiles of normal scores, linear between nodes and beyond the outer two.

    Args:
        quantiles: (horizon, targets, nodes), ascending.
        nodes: (nodes,) normal scores of the quantiles, ascending.
        scores: (count, horizon, targets) normal scores.

    >>> interpolate_quantiles(np.array([[[0.0, 10.0]]]), np.array([-1.0, 1.0]), np.zeros((1, 1, 1)))
    array([[[5.]]])
    """
    upper = np.clip(np.searchsorted(nodes, scores), 1, len(nodes) - 1)
    share = (scores - nodes[upper - 1]) / (nodes[upper] - nodes[upper - 1])
    step, target = np.ogrid[: quantiles.shape[0], : quantiles.shape[1]]
    low = quantiles[step, target, upper - 1]
    return low + share * (quantiles[step, target, upper] - low)


def _find_nodes(fitted: FittedModel) -> Array:
    """Return the normal scores at which quantiles are computed.

    Raises:
        InputError: the model has no intervals, or one quantile only.
    """
    if fitted.model.levels:
        if len(fitted.model.levels) < 2:
            raise InputError(
                f"this model was trained on the quantile {list(fitted.model.levels)} only, which "
                "gives no distribution to draw from. Train it on several."
            )
        return normal_quantile(np.array(fitted.model.levels))
    if fitted.intervals is None:
        raise InputError(
            "this model has no intervals, so there is no distribution to draw from: an early "
            "version saved it, or too few values were observed in the last rows. Fit again, with "
            "more rows."
        )
    return fitted.intervals.score_nodes


def _find_dependence(fitted: FittedModel, targets: int) -> StepDependence:
    """Return the dependence between steps of each target; an assumed one if it is unknown."""
    dependence = None if fitted.intervals is None else fitted.intervals.dependence
    if dependence is None:
        return StepDependence.assume(targets)
    if len(dependence.common) < targets:  # scores of one channel hold for all
        return dependence.select([0] * targets)
    return dependence


def _check_count(fitted: FittedModel, count: int) -> None:
    """Check that some paths can be drawn and fit into half of the memory.

    Raises:
        InputError: they can't.
    """
    count = check_count("count", count, "paths")
    path_bytes = BYTES_PER_VALUE * fitted.config.horizon * len(fitted.targets)
    most = memory_bytes() // 2 // path_bytes
    if count > most:
        raise InputError(
            f"{count:,} paths of {fitted.config.horizon} steps and {len(fitted.targets):,} series "
            f"take {count * path_bytes / 2**30:,.0f} GiB; pass a count of at most {most:,}."
        )
