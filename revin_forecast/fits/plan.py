from dataclasses import dataclass
from typing import Any

import numpy as np

from revin_forecast.components import Component
from revin_forecast.data.layout import listed
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.selection import Selection
from revin_forecast.settings import TrainingSettings

VALIDATION_SHARE = 0.2


@dataclass(frozen=True)
class Plan:
    """What a `Forecaster` was asked for."""

    horizon: int
    lookback: int | None
    """None: chosen."""
    backbone: Component | None
    """None: chosen."""
    normalizer: Component | None
    """None: chosen, or RevIN where the backbone is named."""
    training: TrainingSettings
    covariates: tuple[str, ...]
    selection: Selection


def training_rows(values: np.ndarray, horizon: int) -> int:
    """Return how many rows, from the first, are for training; the rest is validation.

    A fifth is for validation, and one horizon at least: of the rows, or of a typical channel's
    observed ones where channels begin late, so that some of those have rows before it.

    Args:
        values: (time, channels), NaN where unobserved.
        horizon: steps to forecast.
    """
    rows = len(values)
    typical = min(rows, int(np.median(rows - _first_observed(values))))
    return max(0, rows - max(horizon, int(VALIDATION_SHARE * typical)))


def target_numbers(series: Series) -> tuple[int, ...] | None:
    """Return the numbers of the channels that are forecast; None: all."""
    if not series.inputs:
        return None
    return tuple(series.names.index(name) for name in series.targets)


def check_observed(series: Series) -> None:
    """Refuse channels without any observed value.

    Raises:
        InputError: there are some.
    """
    unseen = [series.names[place] for place in np.flatnonzero(~series.observed.any(axis=0))]
    if unseen:
        raise InputError(
            f"{listed(unseen)} have no observed value; leave them out: name the columns to "
            "forecast with --target."
        )


def summary_of(series: Series, fit: dict[str, Any], **further: Any) -> dict[str, Any]:
    """Return what a model was fitted on and what the fit reports, as plain JSON values."""
    return {
        "rows": len(series),
        "series": len(series.names),
        "first": str(series.timestamps[0]),
        "last": str(series.timestamps[-1]),
        "unobserved": int((~series.observed).sum()),
        "fit": fit,
        **further,
    }


def _first_observed(values: np.ndarray) -> np.ndarray:
    seen = np.isfinite(values)
    return np.where(seen.any(axis=0), seen.argmax(axis=0), len(values))
