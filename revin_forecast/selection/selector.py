import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import NHITS, DLinear, PatchTST, Ridge, TSMixer
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.selection.candidates import (
    Candidate,
    Centring,
    linear_candidate,
    list_lookbacks,
    naive_candidates,
)
from revin_forecast.selection.linear_maps import LinearMap, LinearMapSolver
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.validation import ValidationWindows
from revin_forecast.selection.weights import absolute_errors
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

CENTRINGS: tuple[Centring, ...] = ("last", "mean", "none")
MAX_CHANNELS_OWN_MAPS = 32
"""Channels up to which each may have a map of its own."""
MAX_BEST_SETTINGS, MAX_OWN_MAP_SETTINGS = 3, 2
"""Look-backs at which other levels are tried, and settings tried with a map for each channel."""
TRAINED_BACKBONES = (DLinear, NHITS, TSMixer, PatchTST)
MAX_TRAINED_LOOKBACK = 336


@dataclass(frozen=True, eq=False)
class EvaluatedCandidate:
    """A candidate with what it forecast on the validation windows."""

    candidate: Candidate
    forecast: Tensor
    """(windows, horizon, channels)."""
    refit: Callable[[int], Reversible | None]
    """Returns the model fitted on so many rows, or None where that means to train it again."""
    mase: float
    seconds: float


@dataclass(frozen=True, eq=False)
class SelectionTask:
    """What is to be forecast."""

    values: np.ndarray
    """(time, channels) standardized float64, NaN where unobserved."""
    train: int
    """Rows of training, from the first; validation is the rest."""
    horizon: int
    seasons: tuple[int, ...] = ()
    """Likely ones in steps, the main one first."""
    targets: tuple[int, ...] | None = None
    """Numbers of the channels that are forecast; the others are seen. None: all."""
    filled: np.ndarray | None = None
    """(time, channels) True where a gap was interpolated; such values are not judged by."""

    @property
    def channels(self) -> int:
        """Count the channels."""
        return self.values.shape[1]


class Selector:
    """Try candidates in a fixed order, until all are tried or the time is up.

    Args:
        task: what is to be forecast.
        settings: what may be tried, and for how long.
        centring: the one level to take away; None: several are tried.
        lookback: the one to try; None: several.

    Raises:
        InputError: no training window is as long as the look-back.
    """

    def __init__(
        self,
        task: SelectionTask,
        settings: SelectionSettings,
        centring: Centring | None = None,
        lookback: int | None = None,
    ):
        self.task = task
        self.settings = settings
        self.centring: Centring | None = centring
        train, horizon = task.train, task.horizon
        if lookback is not None and lookback > train - horizon:
            raise InputError(
                f"{train} rows beside those kept for validation hold no window of look-back "
                f"{lookback} and horizon {horizon}. Choose a shorter look-back, or pass more rows."
            )
        most = lookback or train
        self.seasons = tuple(season for season in task.seasons if season <= most)
        room = max(1, (train - horizon) // 2)
        self.lookbacks = [lookback] if lookback else list_lookbacks(horizon, self.seasons, room)
        self.max_lookback = max(*self.lookbacks, *self.seasons, min(8, most))
        self.validation = ValidationWindows.from_values(
            task.values, train, self.max_lookback, horizon, self.season, task.filled
        ).restrict_to_targets(task.targets)
        self.evaluated_candidates: list[EvaluatedCandidate] = []
        self.skipped_candidates: list[str] = []
        self._mase_by_setting: dict[tuple[Centring, int], float] = {}
        self._advance: Callable[..., None] = lambda *_: None
        self._deadline = time.monotonic() + settings.budget_seconds

    @property
    def season(self) -> int:
        """Steps of the main season, 1 where there is none."""
        return self.seasons[0] if self.seasons else 1

    def run(self, training: TrainingSettings) -> list[EvaluatedCandidate]:
        """Try all that the time allows; the naive ones always.

        Args:
            training: of the backbones that are trained, with effort "thorough".
        """
        with progress("choosing a model", self._count_candidates()) as advance:
            self._advance = advance
            for candidate in naive_candidates(self.seasons, self.max_lookback):
                self._try_naive(candidate)
            if self.task.train > self.task.horizon:
                self._try_maps()
                if self.settings.effort == "thorough":
                    self._try_trained(training)
        return self.evaluated_candidates

    def _count_candidates(self) -> int:
        """Count the candidates that time may allow."""
        count = len(naive_candidates(self.seasons, self.max_lookback))
        if self.task.train <= self.task.horizon:
            return count
        lookbacks, channels = len(self.lookbacks), self.task.channels
        best = min(MAX_BEST_SETTINGS, lookbacks)
        if self.centring is None:
            lookbacks += (len(CENTRINGS) - 1) * best + 1
        count += lookbacks
        if 1 < channels <= MAX_CHANNELS_OWN_MAPS:
            count += min(MAX_OWN_MAP_SETTINGS, lookbacks)
        return count + (len(TRAINED_BACKBONES) if self.settings.effort == "thorough" else 0)

    def _try_naive(self, candidate: Candidate) -> None:
        self._advance(0, candidate.title)
        begun = time.monotonic()
        model = candidate.build(self.task.horizon, self.task.channels).eval()
        self._evaluate(candidate, model, lambda rows: model, begun)

    def _try_maps(self) -> None:
        """Try a map for all channels at each look-back, then what may pay at the best of them.

        Those are other levels (a median costs more than the others and is tried at one look-back),
        and a map for each channel.
        """
        maps = LinearMapSolver(
            torch.from_numpy(self.task.values[: self.task.train]),
            torch.from_numpy(self.task.values[self.task.train - self.max_lookback :]),
            self.max_lookback,
            self.task.horizon,
        )
        first = self.centring or CENTRINGS[0]
        self._try_settings(maps, [(first, lookback) for lookback in self.lookbacks])
        if self.centring is None:
            best = [lookback for _, lookback in self._best_settings()]
            self._try_settings(
                maps, [(centre, lookback) for centre in CENTRINGS[1:] for lookback in best]
            )
            self._try_settings(maps, [("median", lookback) for lookback in best[:1]])
        if 1 < self.task.channels <= MAX_CHANNELS_OWN_MAPS:
            self._try_settings(maps, self._best_settings()[:MAX_OWN_MAP_SETTINGS], per_channel=True)

    def _best_settings(self) -> list[tuple[Centring, int]]:
        """Return level and look-back of the best maps so far that all channels share."""
        ranked = sorted(self._mase_by_setting, key=lambda setting: self._mase_by_setting[setting])
        return ranked[:MAX_BEST_SETTINGS]

    def _try_settings(
        self,
        maps: LinearMapSolver,
        settings: Sequence[tuple[Centring, int]],
        per_channel: bool = False,
    ) -> None:
        for centre, lookback in settings:
            candidate = linear_candidate(centre, lookback, per_channel)
            if not self._has_time_for(candidate):
                continue
            begun = time.monotonic()
            groups = [(channel,) for channel in range(self.task.channels)]
            solved = [
                maps.solve(centre, lookback, group) for group in (groups if per_channel else [None])
            ]
            model = self._ridge_from_maps(
                candidate, [one and (one.weight, one.bias) for one in solved]
            )
            self._evaluate(candidate, model, partial(self._refit_ridge, candidate, solved), begun)
            if not per_channel:
                self._mase_by_setting[centre, lookback] = self.evaluated_candidates[-1].mase

    def _refit_ridge(
        self, candidate: Candidate, solved: Sequence[LinearMap | None], rows: int
    ) -> Reversible:
        values = torch.from_numpy(self.task.values[:rows])
        return self._ridge_from_maps(candidate, [one and one.refit(values) for one in solved])

    @torch.no_grad()
    def _ridge_from_maps(
        self, candidate: Candidate, solved: Sequence[tuple[Tensor, Tensor] | None]
    ) -> Reversible:
        """Build a Ridge of one map, or one a channel; where there is none the level is repeated."""
        model = candidate.build(self.task.horizon, self.task.channels).eval()
        ridge = model.backbone
        assert isinstance(ridge, Ridge)
        for place, one in enumerate(solved):
            if one is not None:
                at = place if ridge.per_channel else slice(None)
                ridge.weight[at], ridge.bias[at] = one[0].float(), one[1].float()
        return model

    def _try_trained(self, training: TrainingSettings) -> None:
        rows = len(self.task.values)
        task = self.task
        split = ChronologicalSplit(
            task.values, task.train, rows, rows, scaling_rows=rows, filled=task.filled
        )
        maps = [
            tried for tried in self.evaluated_candidates if tried.candidate.backbone.name == "Ridge"
        ]
        best = (
            min(maps, key=lambda tried: tried.mase).candidate.lookback
            if maps
            else self.max_lookback
        )
        normalizer = ModuleSpec.from_class(RevIN)
        for kind in TRAINED_BACKBONES:
            candidate = Candidate(
                ModuleSpec.from_class(kind), normalizer, min(best, MAX_TRAINED_LOOKBACK)
            )
            if not self._has_time_for(candidate):
                continue
            begun = time.monotonic()
            recipe = ModelConfig(
                candidate.backbone, normalizer, candidate.lookback, self.task.horizon, training
            )
            if not _can_be_built(recipe, self.task.channels):
                self._advance()
                continue
            model, _ = fit_model(recipe, split)
            self._evaluate(candidate, model, partial(_model_if_all_rows, model, rows), begun)

    def _has_time_for(self, candidate: Candidate) -> bool:
        """Tell which candidate is next; return whether there is time to try it."""
        left = self._deadline - time.monotonic()
        if left < 0:
            self.skipped_candidates.append(candidate.title)
            self._advance()
            return False
        self._advance(0, f"{candidate.title}, {left:.0f} s of budget left")
        return True

    def _evaluate(
        self,
        candidate: Candidate,
        model: Reversible,
        refit: Callable[[int], Reversible | None],
        begun: float,
    ) -> None:
        validation = self.validation
        forecast = validation.forecast(model, candidate.lookback)
        errors = absolute_errors(forecast.unsqueeze(0), validation.truth)[0]
        mase = validation.mase(errors)
        self.evaluated_candidates.append(
            EvaluatedCandidate(candidate, forecast, refit, mase, time.monotonic() - begun)
        )
        self._advance()


def _can_be_built(recipe: ModelConfig, channels: int) -> bool:
    """Return whether the look-back is long enough for it: a patch needs its steps."""
    try:
        recipe.build(channels)
    except InputError:
        return False
    return True


def _model_if_all_rows(model: Reversible, whole: int, rows: int) -> Reversible | None:
    return model if rows == whole else None
