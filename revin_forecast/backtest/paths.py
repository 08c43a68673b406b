from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from revin_forecast.backtest.windows import OriginBatch
from revin_forecast.fitted import FittedModel

MAX_PATH_SERIES = 50
"""Series of which forecasts are kept, the first ones."""


@dataclass(frozen=True, eq=False)
class ForecastPaths:
    """Forecasts of a backtest as they were, of its first series, in the table's units."""

    names: tuple[str, ...]
    rows: np.ndarray
    """(paths,) of the series, each the first that was forecast; a horizon apart at least."""
    forecast: np.ndarray
    """(paths, horizon, names)."""
    truth: np.ndarray
    """(paths, horizon, names), NaN where unobserved."""
    next_rows: np.ndarray
    """(origins,) of the series, each one step ahead of an origin."""
    next_errors: np.ndarray
    """(origins, names): truth less forecast, one step ahead, of every origin."""
    mean_error: np.ndarray
    """(names,) of truth less forecast, over every origin and step; NaN where none was observed."""


class PathRecorder:
    """Keeps forecasts that don't overlap, the errors one step ahead, and the mean of all.

    Args:
        names: of all series forecast.
        starts: the first rows of all forecasts.
        horizon: steps of each.
    """

    def __init__(self, names: Sequence[str], starts: range, horizon: int):
        self.names = tuple(names[:MAX_PATH_SERIES])
        apart = -(-horizon // starts.step) * starts.step
        self._starts = starts
        self._recorded_starts = range(starts.start, starts.stop, apart)
        self._rows: list[int] = []
        self._forecasts: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []
        self._errors: list[np.ndarray] = []
        self._total, self._count = np.zeros(len(self.names)), np.zeros(len(self.names))

    def add(self, fitted: FittedModel, origins: OriginBatch, forecast: Tensor) -> None:
        """Look at some windows.

        Args:
            fitted: whose forecast it is.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets[: len(self.names)])
        count, rows = len(self.names), origins.rows.tolist()
        errors = (origins.truth[..., :count].double() - forecast[..., :count].double()).numpy()
        self._errors.append(errors[:, 0] * scale.scale)
        self._total += np.nansum(errors, (0, 1)) * scale.scale
        self._count += np.isfinite(errors).sum((0, 1))
        places = [place for place, row in enumerate(rows) if row in self._recorded_starts]
        self._rows += [rows[place] for place in places]
        self._forecasts.append(scale.inverse_transform(forecast[places, :, :count].numpy()))
        self._truths.append(scale.inverse_transform(origins.truth[places, :, :count].numpy()))

    def build_paths(self) -> ForecastPaths:
        """Return what was kept."""
        seen = self._count > 0
        return ForecastPaths(
            self.names,
            np.array(self._rows, dtype=int),
            np.concatenate(self._forecasts),
            np.concatenate(self._truths),
            np.array(self._starts),
            np.concatenate(self._errors),
            np.where(seen, self._total / np.where(seen, self._count, 1), np.nan),
        )
