"""Trial of transformations of a positive table on held-out blocks."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import torch
from torch import Tensor

from revin_forecast.closed_form.admission import Admission, is_significant
from revin_forecast.closed_form.fold_maps import FoldMaps
from revin_forecast.closed_form.seasonal_profile import repeat_profile
from revin_forecast.closed_form.sweep_selection import SweepGrid, SweepSelection
from revin_forecast.closed_form.value_transform import KINDS, ValueTransform
from revin_forecast.utils.threads import thread_map

MAX_TRIAL_WINDOWS = 20_000
"""Approximate number of held-out windows, of all channels, on which forecasts are compared."""


class DataUnits(NamedTuple):
    """Mean and deviation that a table was standardized with."""

    location: Tensor
    """(channels,) mean of the data."""
    scale: Tensor
    """(channels,) standard deviation of the data."""


def choose_transform(
    values: Tensor,
    plain: SweepSelection,
    units: DataUnits,
    choose: Callable[[Tensor, SweepGrid], SweepSelection],
) -> tuple[SweepSelection, Admission]:
    """Return the result of the transformation with the least error, or the plain one.

    Forecasts are compared in units of the table, so their errors are not quadratic forms of sums:
    evenly spaced windows of the blocks are forecast.

    Args:
        values: (time, channels) standardized, positive in the data's units.
        plain: the selected maps without a transformation.
        units: of the values.
        choose: selects the maps of a transformed table.
    """
    plain_errors = forecast_blocks(values, values, plain, None)
    best, least_errors = plain, plain_errors
    for kind in KINDS:
        transform = ValueTransform.fit(kind, values, *units)
        transformed = transform(values)
        result = replace(choose(transformed, plain.grid), transform=transform)
        errors = forecast_blocks(values, transformed, result, transform)
        if errors.sum() < least_errors.sum():
            best, least_errors = result, errors
    gains = plain_errors - least_errors
    if best is plain or not bool(is_significant(gains)):
        return plain, Admission("log or square root", 0.0, 0, len(KINDS))
    assert best.transform is not None
    gain = float(gains.sum() / plain_errors.sum())
    return best, Admission(best.transform.kind, gain, 1, len(KINDS))


def forecast_blocks(
    values: Tensor, transformed: Tensor, result: SweepSelection, transform: ValueTransform | None
) -> Tensor:
    """Return the squared error of forecasts of each held-out block in the table's units, (blocks,).

    Args:
        values: (time, channels) standardized.
        transformed: the values that the maps apply to.
        result: the selected maps.
        transform: maps forecasts back; None: they are in the table's units.
    """
    folds = FoldMaps(transformed, result)
    horizon, channels = result.grid.horizons[-1], values.shape[1]
    begin, end = folds.ranges.begin, folds.ranges.end
    stride = max(1, -(-(end - begin) * channels // MAX_TRIAL_WINDOWS))

    def forecast_channel(channel: int) -> Tensor:
        maps, _ = folds.maps_of(channel)
        windows = folds.series(channel).unfold(0, folds.lookback, 1)
        truths = values[:, channel].unfold(0, horizon, 1)
        profile = None
        if folds.profile is not None:
            one = folds.profile[:, channel : channel + 1]
            profile = repeat_profile(one, len(values))[:, 0].unfold(0, horizon, 1)
        errors = []
        for (first, stop), weight in zip(folds.ranges.held_out, maps, strict=True):
            origins = torch.arange(first, stop, stride)
            forecast = windows[origins - folds.lookback] @ weight.mT
            if profile is not None:
                forecast += profile[origins]
            if transform is not None:
                forecast = transform.invert_channel(forecast, channel)
            error = (forecast - truths[origins]).square()
            errors.append(error[error.isfinite().all(dim=1)].sum())
        return torch.stack(errors)

    return torch.stack(thread_map(forecast_channel, range(channels))).sum(dim=0)
