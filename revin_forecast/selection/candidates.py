"""The candidates of the automatic choice."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import torch
from torch import nn

from revin_forecast.backbones import Repeat, Ridge, SeasonalNaive
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, LastValue, LogMean, RevIN
from revin_forecast.normalizers.level_shares import estimate_level_shares
from revin_forecast.selection.task import SelectionTask
from revin_forecast.utils.shapes import Future

Centring = Literal["none", "last", "mean", "median"]
"""The level subtracted from each window before the map and added back to its forecast."""

NORMALIZERS: dict[Centring, ModuleSpec] = {
    "last": ModuleSpec.from_class(LastValue),
    "mean": ModuleSpec.from_class(partial(RevIN, affine=False)),
    "none": ModuleSpec.from_class(Identity),
    "median": ModuleSpec.from_class(partial(RevIN, statistic="median", affine=False)),
}
"""The normalizer that subtracts each level."""
LOG_MEAN = ModuleSpec.from_class(LogMean)
"""The normalizer of maps on logarithms."""
LOOKBACKS = (48, 96, 192, 336, 512, 720)
"""Look-backs that are tried on every table with enough rows."""
MAX_LOOKBACK = 1024
"""Longest look-back to try, however long the horizon or the season."""
MIN_LEVEL_WINDOWS = 20.0
"""Validation windows without overlap that can show by themselves whether to keep the level."""
MIN_LEVEL_SHARE = 0.25
"""Mean share of the channels' levels that training rows vouch for, below which no map keeps it."""
LEVEL_SEASONS, MIN_LEVEL_STEPS = 4, 48
"""Seasons, and fewest steps, of the windows whose means are the levels."""
MIN_REPEAT_LOOKBACK = 8
"""Look-back of Repeat, which needs one step: after a gap it repeats the last observed value."""


@dataclass(frozen=True)
class Candidate:
    """A model that the selection may choose, alone or as a member of a combination."""

    backbone: ModuleSpec
    """Class and parameters of the backbone."""
    normalizer: ModuleSpec
    """Class and parameters of the normalizer."""
    lookback: int
    """Steps of the look-back."""
    is_robust: bool = False
    """Whether a Ridge is solved twice, with smaller weights for the windows of large errors."""

    @property
    def model_name(self) -> str:
        """The backbone's name, with the season, "robust" or "one each" (a map for each channel)."""
        parameters = self.backbone.parameters
        if "season" in parameters:
            return f"{self.backbone.name} ({parameters['season']})"
        notes = ["robust"] if self.is_robust else []
        notes += ["one each"] if parameters else []
        return ", ".join([self.backbone.name, *notes])

    @property
    def description(self) -> dict[str, Any]:
        """Backbone, normalizer and look-back, as `WeightedCombination` takes them.

        Robust maps are marked, so that an update solves them again in the same way.
        """
        parts = {
            "backbone": self.backbone,
            "normalizer": self.normalizer,
            "lookback": self.lookback,
        }
        return parts | ({"is_robust": True} if self.is_robust else {})

    @property
    def centring(self) -> str:
        """The level subtracted from each window, "log", or another normalizer; empty if naive."""
        if self.backbone.name in ("Repeat", "SeasonalNaive"):
            return ""
        for centring, normalizer in (NORMALIZERS | {"log": LOG_MEAN}).items():
            if normalizer == self.normalizer:
                return centring
        return self.normalizer.name

    @property
    def title(self) -> str:
        """Model, level and look-back, as progress and messages show them."""
        return ", ".join(filter(None, [self.model_name, self.centring, str(self.lookback)]))

    def build(self, horizon: int, channels: int) -> Reversible:
        """Build the model; it is not fitted yet."""
        sizes = (self.lookback, horizon, channels)
        named = {"lookback": self.lookback, "horizon": horizon}
        backbone, normalizer = self.backbone.build(*sizes), self.normalizer.build(channels, **named)
        assert isinstance(normalizer, nn.Module)
        return Reversible(backbone, normalizer)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True, eq=False)
class EvaluatedCandidate:
    """A candidate with its forecast of the validation windows."""

    candidate: Candidate
    forecast: Future
    """(windows, horizon, channels), standardized."""
    refit: Callable[[int], Reversible | None]
    """Function of a number n that returns the model fitted on the first n rows; None if the model
    would have to be trained again."""
    mase: float
    """Mean absolute scaled error on the validation windows."""
    seconds: float
    """Time to fit and evaluate."""
    penalties: tuple[float, ...] = ()
    """Penalty of each of its linear maps, NaN for one without a usable window; empty: no maps."""


def list_naive_candidates(seasons: tuple[int, ...], rows: int) -> list[Candidate]:
    """Return Repeat, and SeasonalNaive for each season that fits into the rows.

    Both use `LastValue`, so that a gap in the look-back is filled with the last value observed.

    Args:
        seasons: season lengths in steps.
        rows: longest look-back.
    """
    last = NORMALIZERS["last"]
    repeat = Candidate(ModuleSpec.from_class(Repeat), last, min(rows, MIN_REPEAT_LOOKBACK))
    seasonal = [
        Candidate(ModuleSpec.from_class(partial(SeasonalNaive, season=season)), last, season)
        for season in seasons
        if season <= rows
    ]
    return [repeat, *seasonal]


def make_linear_candidate(centring: Centring, lookback: int, per_channel: bool) -> Candidate:
    """Return a Ridge with one map for all channels, or with one for each channel."""
    backbone = partial(Ridge, per_channel=True) if per_channel else Ridge
    return Candidate(ModuleSpec.from_class(backbone), NORMALIZERS[centring], lookback)


def list_lookbacks(horizon: int, seasons: tuple[int, ...], max_lookback: int) -> list[int]:
    """Return the look-backs to try, shortest first: usual ones, two horizons and two seasons.

    If none of these fits, the longest possible look-back is returned.

    Args:
        horizon: steps to forecast.
        seasons: season lengths in steps.
        max_lookback: the longest look-back that the rows allow.
    """
    lookbacks = {*LOOKBACKS, 2 * horizon, *(2 * season for season in seasons)}
    fitting = {lookback for lookback in lookbacks if lookback <= min(max_lookback, MAX_LOOKBACK)}
    return sorted(fitting | {min(max_lookback, min(lookbacks))})


def list_centrings(
    task: SelectionTask, season: int, separate_windows: float
) -> tuple[Centring, ...]:
    """Return the levels to try, in this order; a median is used only if the user names it.

    A map that keeps the level of the windows ("none") returns to the mean of the training rows.
    Where levels drift, that is wrong for good, and a few validation windows, all near one level, do
    not show it. Then the training rows must vouch for the level: the mean over channels of the
    share of their level (`estimate_level_shares`) must reach `MIN_LEVEL_SHARE`.

    Args:
        task: values and split.
        season: steps of the main season; 1 without one.
        separate_windows: number of validation windows without overlap.
    """
    if separate_windows < MIN_LEVEL_WINDOWS:
        lookback = max(MIN_LEVEL_STEPS, LEVEL_SEASONS * season)
        training = torch.from_numpy(task.values[: task.train])
        if estimate_level_shares(training, lookback).mean() < MIN_LEVEL_SHARE:
            return ("last", "mean")
    return ("last", "mean", "none")


def find_centring(normalizer: ModuleSpec) -> Centring:
    """Return the level that a normalizer subtracts, if the automatic choice can use it.

    Raises:
        InputError: the normalizer is not Identity, LastValue or RevIN.
    """
    centrings: dict[str, Centring] = {"Identity": "none", "LastValue": "last", "RevIN": "mean"}
    centring = centrings.get(normalizer.name)
    if normalizer.name == "RevIN":
        statistic = normalizer.parameters.get("statistic", "mean")
        centring = statistic if statistic in NORMALIZERS else None
    if centring is None:
        raise InputError(
            f"the automatic choice tries Identity, LastValue and RevIN but got the normalizer "
            f"{normalizer.name}. Name a backbone too (--backbone Ridge, DLinear, ...), or leave "
            "the normalizer out."
        )
    return centring
