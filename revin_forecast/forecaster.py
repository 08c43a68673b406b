from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from revin_forecast.backbones import Ridge
from revin_forecast.components import Component, Factory
from revin_forecast.data.covariates import KnownColumns, expanded, known_inputs, own_columns
from revin_forecast.data.frequency import season_of
from revin_forecast.data.reading import Table, read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError
from revin_forecast.fitted import Fitted
from revin_forecast.fitting import Recipe, Split, fit_split, known_names
from revin_forecast.normalizers import RevIN
from revin_forecast.saving import load, save
from revin_forecast.settings import TrainingSettings

VALIDATION_SHARE = 0.2
LONGEST_DEFAULT = 512


class Forecaster:
    """Table in, forecast table out.

    Values are standardized, forecast on each window's own scale and handed back in the table's
    units, in the table's layout.

    Args:
        horizon: steps to forecast.
        lookback: steps each forecast is made from; None: `default_lookback`.
        backbone: a class of (lookback, horizon, channels), or functools.partial of one.
        normalizer: a class of (channels), or functools.partial of one.
        training: for a backbone that is trained; Ridge, the default, is solved.
        covariates: what is known of each step beforehand, for a backbone that takes it: "calendar"
            (features that fit the rhythm), one of them ("hour", "weekday", ...), "step" (the
            running number), or columns of the table; those are not forecast.

    >>> import numpy as np, pandas as pd
    >>> dates = pd.date_range("2024-01-01", periods=60, freq="D")
    >>> table = pd.DataFrame({"date": dates, "sold": 10.0 + np.arange(60) % 7})
    >>> forecast = Forecaster(horizon=7).fit(table).predict()
    >>> forecast.sold.round(3).tolist()
    [14.0, 15.0, 16.0, 10.0, 11.0, 12.0, 13.0]
    """

    def __init__(
        self,
        horizon: int,
        lookback: int | None = None,
        backbone: Factory = Ridge,
        normalizer: Factory = RevIN,
        training: TrainingSettings | None = None,
        covariates: Sequence[str] = (),
    ):
        for name, size in (("horizon", horizon), ("lookback", lookback)):
            if size is not None and size < 1:
                raise InputError(f"{name} is a number of steps from 1 up but got {size}.")
        self.horizon = horizon
        self.lookback = lookback
        self.backbone = Component.of(backbone)
        self.normalizer = Component.of(normalizer)
        self.training = training or TrainingSettings()
        self.covariates = known_names(self.backbone, covariates)
        self._fitted: Fitted | None = None

    def fit(self, table: Table, folder: Path | None = None, resume: bool = False) -> "Forecaster":
        """Fit on a table; its last fifth (one horizon at least) serves as validation.

        Args:
            table: what `read_series` reads: a Series, a data frame, or the path of a file.
            folder: keeps checkpoints and logs of a trained backbone.
            resume: go on from that folder's last checkpoint.

        Raises:
            InputError: the table can't be used, or is too short.
        """
        series, columns, names = self._parted(read_series(table))
        unseen = [
            name
            for name, seen in zip(series.names, series.observed.T, strict=True)
            if not seen.any()
        ]
        if unseen:
            raise InputError(f"{unseen} have no observed value; leave them out (--columns).")
        rows = len(series)
        train = rows - max(self.horizon, int(VALIDATION_SHARE * rows))
        lookback = self.lookback or default_lookback(
            train, self.horizon, season_of(series.frequency)
        )
        closed_form = issubclass(self.backbone.resolve(), Ridge)
        recipe = Recipe(
            self.backbone,
            self.normalizer,
            lookback,
            self.horizon,
            self.training,
            closed_form and not names,
            names,
        )
        # What is forecast lies after all rows, so that all may say what the scale is: a channel may
        # have been constant, or not yet there, in the training part.
        known = _known(names, series.timestamps, series.frequency, columns) if names else None
        split = Split(series.values, train, rows, rows, scaling=rows, known=known)
        model, report = fit_split(recipe, split, folder, resume)
        history = series.rows(rows - lookback, rows)
        summary = _summary(series, report)
        columns = columns and columns.rows(rows - lookback, rows)
        self.fitted = Fitted(recipe, model, split.standardizer, history, summary, columns)
        return self

    def _parted(self, series: Series) -> tuple[Series, KnownColumns | None, tuple[str, ...]]:
        """Take the columns that are known beforehand out of a series; name all known inputs."""
        names = expanded(self.covariates, series.frequency) if self.covariates else ()
        own = own_columns(names)
        if not own:
            return series, None, names
        columns = KnownColumns.fit(series, own, len(series))
        rest = [name for name in series.names if name not in own]
        if not rest:
            raise InputError(f"all columns are known inputs ({own}); none is left to forecast.")
        return series.select(rest), columns, names

    @property
    def fitted(self) -> Fitted:
        """What `fit` came to, or what was loaded."""
        if self._fitted is None:
            raise InputError("this Forecaster is not fitted yet; call fit(table) first.")
        return self._fitted

    @fitted.setter
    def fitted(self, fitted: Fitted) -> None:
        self._fitted = fitted

    def predict(self, table: Table | None = None, future: Table | None = None) -> pd.DataFrame:
        """Forecast the steps after a table's last row, without fitting again.

        Args:
            table: newer rows of a table like the one fitted on, `lookback` of them at least;
                None: forecast after the rows it was fitted on.
            future: the own columns it was fitted with as known inputs, for each step forecast.

        Returns:
            `horizon` steps a channel, in the layout of the table.

        Raises:
            InputError: the table can't be used, or a known input is missing.
        """
        history, columns = self.fitted.history, self.fitted.columns
        if table is not None:
            named = asdict(history.layout)
            newer = read_series(table, **named, frequency=history.frequency)
            history = self._newer(newer, history.names)
            if columns is not None:
                newer = self._newer(newer, columns.history.names)
                columns = KnownColumns(newer, columns.standardizer)
        stamps = history.future_timestamps(self.horizon)
        scaled = self.fitted.standardizer.tensor(history.values).unsqueeze(0)
        steps = pd.DatetimeIndex(history.timestamps.append(stamps))
        known = self._known_of(steps, columns, future)
        with torch.inference_mode():
            forecast = self.fitted.model(scaled, known=known).squeeze(0)
        standardizer, targets = self.fitted.standardizer, self.fitted.model.normalizer.targets
        if targets is not None:
            standardizer = standardizer.select(targets)
            history = history.select([history.names[target] for target in targets])
        return history.to_frame(standardizer.inverse(forecast.numpy()), stamps)

    def save(self, folder: str | Path) -> None:
        """Write the fitted forecaster into a folder; see `saving.save`."""
        save(self.fitted, Path(folder))

    @classmethod
    def load(cls, folder: str | Path) -> "Forecaster":
        """Read a saved forecaster; runs no pickle. See `saving.load`."""
        fitted = load(Path(folder))
        recipe = fitted.recipe
        forecaster = cls(
            recipe.horizon,
            recipe.lookback,
            recipe.backbone,
            recipe.normalizer,
            recipe.training,
            recipe.covariates,
        )
        forecaster.fitted = fitted
        return forecaster

    def _known_of(
        self, stamps: pd.DatetimeIndex, columns: KnownColumns | None, future: Table | None
    ) -> torch.Tensor | None:
        """Return (1, steps, covariates) of all steps; None without known inputs."""
        names, layout = self.fitted.recipe.covariates, self.fitted.history.layout
        ahead = None
        if future is not None:
            if columns is None:
                raise InputError(
                    "future is for own columns that are known beforehand, and this forecaster was "
                    "fitted without any; leave it out."
                )
            if layout.id is not None:
                raise InputError("future is for wide tables; this forecaster had a long one.")
            frequency = self.fitted.history.frequency
            ahead = read_series(future, time=layout.time, frequency=frequency)
        if not names:
            return None
        known = _known(names, stamps, self.fitted.history.frequency, columns, ahead)
        return torch.from_numpy(known).unsqueeze(0)

    def _newer(self, series: Series, names: Sequence[str]) -> Series:
        absent = [name for name in names if name not in series.names]
        if absent:
            raise InputError(
                f"the new table lacks {absent}; the forecaster was fitted on "
                f"{list(names)}. Pass a table with the same columns."
            )
        lookback = len(self.fitted.history)
        if len(series) < lookback:
            raise InputError(
                f"the new table has {len(series)} rows but the forecaster looks back {lookback}. "
                f"Pass the last {lookback} rows at least."
            )
        return series.select(names).rows(len(series) - lookback, len(series))


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


def _known(
    names: Sequence[str],
    stamps: pd.DatetimeIndex,
    frequency: str | None,
    columns: KnownColumns | None,
    future: Series | None = None,
) -> np.ndarray:
    own = None if columns is None else columns.over(stamps, future)
    return known_inputs(names, stamps, frequency, own)


def _summary(series: Series, report: dict[str, Any]) -> dict[str, Any]:
    return {
        "rows": len(series),
        "first": str(series.timestamps[0]),
        "last": str(series.timestamps[-1]),
        "unobserved": int((~series.observed).sum()),
        "fit": report,
    }
