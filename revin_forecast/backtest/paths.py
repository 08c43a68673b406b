from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from revin_forecast.backtest.windows import Origins
from revin_forecast.fitted import Fitted

MOST = 50
"""Series of which forecasts are kept, the first ones."""


@dataclass(frozen=True, eq=False)
class Paths:
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


class PathKeeper:
    """Keeps forecasts that don't overlap, and the errors one step ahead.

    Args:
        names: of all series forecast.
        starts: the first rows of all forecasts.
        horizon: steps of each.
    """

    def __init__(self, names: Sequence[str], starts: range, horizon: int):
        self.names = tuple(names[:MOST])
        apart = -(-horizon // starts.step) * starts.step
        self._starts = starts
        self._kept = range(starts.start, starts.stop, apart)
        self._rows: list[int] = []
        self._forecasts: list[np.ndarray] = []
        self._truths: list[np.ndarray] = []
        self._errors: list[np.ndarray] = []

    def add(self, fitted: Fitted, origins: Origins, forecast: Tensor) -> None:
        """Look at some windows.

        Args:
            fitted: whose forecast it is.
            origins: the windows.
            forecast: (windows, horizon, targets), standardized.
        """
        scale = fitted.standardizer.select(fitted.targets[: len(self.names)])
        count, rows = len(self.names), origins.rows.tolist()
        errors = origins.truth[:, 0, :count].double() - forecast[:, 0, :count].double()
        self._errors.append(errors.numpy() * scale.scale)
        places = [place for place, row in enumerate(rows) if row in self._kept]
        self._rows += [rows[place] for place in places]
        self._forecasts.append(scale.inverse(forecast[places, :, :count].numpy()))
        self._truths.append(scale.inverse(origins.truth[places, :, :count].numpy()))

    def paths(self) -> Paths:
        """Return what was kept."""
        return Paths(
            self.names,
            np.array(self._rows, dtype=int),
            np.concatenate(self._forecasts),
            np.concatenate(self._truths),
            np.array(self._starts),
            np.concatenate(self._errors),
        )
