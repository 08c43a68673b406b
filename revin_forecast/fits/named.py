from dataclasses import replace
from pathlib import Path

from revin_forecast.backbones import Ridge
from revin_forecast.components import Component
from revin_forecast.data.covariates import KnownColumns, expanded, known_inputs, own_columns
from revin_forecast.data.frequency import season_of
from revin_forecast.data.mapped import MappedSeries
from revin_forecast.data.series import Series
from revin_forecast.data.split import MappedSplit
from revin_forecast.errors import InputError
from revin_forecast.fits.calibration import calibrated_on
from revin_forecast.fits.plan import (
    Plan,
    check_mapped,
    check_observed,
    summary_of,
    target_numbers,
    training_rows,
)
from revin_forecast.fitted import Fitted
from revin_forecast.fitting import Recipe, Split, fit_split
from revin_forecast.normalizers import RevIN

LONGEST_DEFAULT = 512


def fit_named(
    plan: Plan, series: Series | MappedSeries, folder: Path | None = None, resume: bool = False
) -> Fitted:
    """Fit the backbone and normalizer that were named.

    Args:
        plan: with a backbone.
        series: its last fifth (one horizon at least) serves as validation.
        folder: keeps checkpoints and logs of a trained backbone.
        resume: go on from that folder's last checkpoint.

    Raises:
        InputError: the series can't be used, or is too short.
    """
    assert plan.backbone is not None  # whoever calls it has looked
    series, columns, names = parted(series, plan.covariates)
    check_observed(series)
    rows = len(series)
    train = training_rows(series, plan.horizon)
    lookback = plan.lookback or default_lookback(train, plan.horizon, season_of(series.frequency))
    closed_form = issubclass(plan.backbone.resolve(), Ridge)
    recipe = Recipe(
        plan.backbone,
        plan.normalizer or Component.of(RevIN),
        lookback,
        plan.horizon,
        plan.training,
        covariates=names,
        targets=target_numbers(series),
    )
    # What is forecast lies after all rows, so that all may say what the scale is: a channel may
    # have been constant, or not yet there, in the training part.
    known = None
    if names:
        own = None if columns is None else columns.over(series.timestamps)
        known = known_inputs(names, series.timestamps, series.frequency, own)
    if isinstance(series, MappedSeries):
        split = MappedSplit(series, train, known)
    else:
        split = Split(
            series.values, train, rows, rows, scaling=rows, known=known, filled=series.filled
        )
    model, report = fit_split(recipe, split, folder, resume)
    windows = split.windows("validation", lookback, plan.horizon)
    intervals, calibration = (None, 0) if recipe.levels else calibrated_on(model, windows)
    if closed_form and not names:  # once more, on all rows, with the penalty that was chosen
        recipe = replace(recipe, refit=True)
        model, report = fit_split(recipe, split)
    return Fitted(
        recipe,
        model,
        split.standardizer,
        series.rows(rows - lookback, rows),
        summary_of(series, report, calibration_windows=calibration),
        columns and columns.rows(rows - lookback, rows),
        intervals,
    )


def fit_mapped(
    plan: Plan, series: MappedSeries, folder: Path | None = None, resume: bool = False
) -> Fitted:
    """Fit what was named on a table that is larger than memory; see `fit_named`.

    Raises:
        InputError: it can't be fitted without all rows in memory, or is too short.
    """
    check_mapped(plan)
    return fit_named(plan, series, folder, resume)


def parted(
    series: Series | MappedSeries, covariates: tuple[str, ...]
) -> tuple[Series | MappedSeries, KnownColumns | None, tuple[str, ...]]:
    """Take the columns that are known beforehand out of a series; name all known inputs.

    Raises:
        InputError: none is left to forecast, or known inputs of series that end apart.
    """
    names = expanded(covariates, series.frequency) if covariates else ()
    if names and series.lasts is not None:
        raise InputError(
            "the series end at different times, and then known inputs would differ from series to "
            "series, which isn't supported. Leave the covariates out, or pass series that end "
            "together."
        )
    own = own_columns(names)
    if not own:
        return series, None, names
    if isinstance(series, MappedSeries):
        raise InputError(
            f"the columns {own} would be known inputs, and those are held in memory, not mapped. "
            "Leave them out, or fit on the table itself."
        )
    columns = KnownColumns.fit(series, own, len(series))
    rest = [name for name in series.names if name not in own]
    if not rest:
        raise InputError(f"all columns are known inputs ({own}); none is left to forecast.")
    return series.select(rest), columns, names


def default_lookback(rows: int, horizon: int, season: int) -> int:
    """Choose a look-back: four horizons and two seasons if the rows allow.

    Half of what remains of the training rows after one horizon is the limit, so that there are as
    many training windows as weights a step.

    Raises:
        InputError: too few rows for any look-back.
    """
    room = (rows - horizon) // 2
    if room < 1:
        raise InputError(
            f"{rows} rows beside those kept for validation are too few for a horizon of {horizon}; "
            f"{horizon + 2} are needed. Choose a shorter horizon or pass more rows."
        )
    return min(max(4 * horizon, 2 * season), LONGEST_DEFAULT, room)
