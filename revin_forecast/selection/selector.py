import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from revin_forecast.backbones import NHITS, DLinear, PatchTST, Ridge, TSMixer
from revin_forecast.components import Component
from revin_forecast.errors import InputError
from revin_forecast.fitting import Recipe, Split, fit_split
from revin_forecast.normalizers import RevIN
from revin_forecast.progress import progress
from revin_forecast.reversible import Reversible
from revin_forecast.selection.candidates import (
    Candidate,
    Centre,
    linear_candidate,
    lookbacks,
    naive_candidates,
)
from revin_forecast.selection.maps import LinearMap, Maps
from revin_forecast.selection.settings import Selection
from revin_forecast.selection.validation import Validation
from revin_forecast.selection.weights import absolute_errors
from revin_forecast.settings import TrainingSettings

CENTRES: tuple[Centre, ...] = ("last", "mean", "none")
OWN_MAPS = 32
"""Channels up to which each may have a map of its own."""
BEST, OWN = 3, 2
"""Look-backs at which other levels are tried, and settings tried with a map for each channel."""
TRAINED = (DLinear, NHITS, TSMixer, PatchTST)
LONGEST_TRAINED = 336


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate with what it forecast on the validation windows."""

    candidate: Candidate
    forecast: Tensor
    """(windows, horizon, channels)."""
    refit: Callable[[int], Reversible | None]
    """Returns the model fitted on so many rows, or None where that means to train it again."""
    mase: float
    seconds: float


@dataclass(frozen=True, eq=False)
class Task:
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
        selection: what may be tried, and for how long.
        centre: the one level to take away; None: several are tried.
        lookback: the one to try; None: several.

    Raises:
        InputError: no training window is as long as the look-back.
    """

    def __init__(
        self,
        task: Task,
        selection: Selection,
        centre: Centre | None = None,
        lookback: int | None = None,
    ):
        self.task = task
        self.selection = selection
        self.centre: Centre | None = centre
        train, horizon = task.train, task.horizon
        if lookback is not None and lookback > train - horizon:
            raise InputError(
                f"{train} rows beside those kept for validation hold no window of look-back "
                f"{lookback} and horizon {horizon}. Choose a shorter look-back, or pass more rows."
            )
        most = lookback or train
        self.seasons = tuple(season for season in task.seasons if season <= most)
        room = max(1, (train - horizon) // 2)
        self.lookbacks = [lookback] if lookback else lookbacks(horizon, self.seasons, room)
        self.longest = max(*self.lookbacks, *self.seasons, min(8, most))
        self.validation = Validation.of(
            task.values, train, self.longest, horizon, self.season, task.filled
        ).only(task.targets)
        self.tried: list[Tried] = []
        self.skipped: list[str] = []
        self._solved: dict[tuple[Centre, int], float] = {}
        self._advance: Callable[..., None] = lambda *_: None
        self._deadline = time.monotonic() + selection.seconds

    @property
    def season(self) -> int:
        """Steps of the main season, 1 where there is none."""
        return self.seasons[0] if self.seasons else 1

    def run(self, training: TrainingSettings) -> list[Tried]:
        """Try all that the time allows; the naive ones always.

        Args:
            training: of the backbones that are trained, with effort "thorough".
        """
        with progress("choosing a model", self._count()) as advance:
            self._advance = advance
            for candidate in naive_candidates(self.seasons, self.longest):
                self._try_naive(candidate)
            if self.task.train > self.task.horizon:
                self._try_maps()
                if self.selection.effort == "thorough":
                    self._try_trained(training)
        return self.tried

    def _count(self) -> int:
        """Count the candidates that time may allow."""
        count = len(naive_candidates(self.seasons, self.longest))
        if self.task.train <= self.task.horizon:
            return count
        lookbacks, channels = len(self.lookbacks), self.task.channels
        best = min(BEST, lookbacks)
        if self.centre is None:
            lookbacks += (len(CENTRES) - 1) * best + 1
        count += lookbacks
        if 1 < channels <= OWN_MAPS:
            count += min(OWN, lookbacks)
        return count + (len(TRAINED) if self.selection.effort == "thorough" else 0)

    def _try_naive(self, candidate: Candidate) -> None:
        self._advance(0, candidate.title)
        begun = time.monotonic()
        model = candidate.build(self.task.horizon, self.task.channels).eval()
        self._judge(candidate, model, lambda rows: model, begun)

    def _try_maps(self) -> None:
        """Try a map for all channels at each look-back, then what may pay at the best of them.

        Those are other levels (a median costs more than the others and is tried at one look-back),
        and a map for each channel.
        """
        maps = Maps(
            torch.from_numpy(self.task.values[: self.task.train]),
            torch.from_numpy(self.task.values[self.task.train - self.longest :]),
            self.longest,
            self.task.horizon,
        )
        first = self.centre or CENTRES[0]
        self._try_settings(maps, [(first, lookback) for lookback in self.lookbacks])
        if self.centre is None:
            best = [lookback for _, lookback in self._best_settings()]
            self._try_settings(
                maps, [(centre, lookback) for centre in CENTRES[1:] for lookback in best]
            )
            self._try_settings(maps, [("median", lookback) for lookback in best[:1]])
        if 1 < self.task.channels <= OWN_MAPS:
            self._try_settings(maps, self._best_settings()[:OWN], per_channel=True)

    def _best_settings(self) -> list[tuple[Centre, int]]:
        """Return level and look-back of the best maps so far that all channels share."""
        ranked = sorted(self._solved, key=lambda setting: self._solved[setting])
        return ranked[:BEST]

    def _try_settings(
        self, maps: Maps, settings: Sequence[tuple[Centre, int]], per_channel: bool = False
    ) -> None:
        for centre, lookback in settings:
            candidate = linear_candidate(centre, lookback, per_channel)
            if not self._begins(candidate):
                continue
            begun = time.monotonic()
            groups = [(channel,) for channel in range(self.task.channels)]
            solved = [
                maps.solve(centre, lookback, group) for group in (groups if per_channel else [None])
            ]
            model = self._filled(candidate, [one and (one.weight, one.bias) for one in solved])
            self._judge(candidate, model, partial(self._solved_on, candidate, solved), begun)
            if not per_channel:
                self._solved[centre, lookback] = self.tried[-1].mase

    def _solved_on(
        self, candidate: Candidate, solved: Sequence[LinearMap | None], rows: int
    ) -> Reversible:
        values = torch.from_numpy(self.task.values[:rows])
        return self._filled(candidate, [one and one.solved_on(values) for one in solved])

    @torch.no_grad()
    def _filled(
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
        split = Split(task.values, task.train, rows, rows, scaling=rows, filled=task.filled)
        maps = [tried for tried in self.tried if tried.candidate.backbone.name == "Ridge"]
        best = min(maps, key=lambda tried: tried.mase).candidate.lookback if maps else self.longest
        normalizer = Component.of(RevIN)
        for kind in TRAINED:
            candidate = Candidate(Component.of(kind), normalizer, min(best, LONGEST_TRAINED))
            if not self._begins(candidate):
                continue
            begun = time.monotonic()
            recipe = Recipe(
                candidate.backbone, normalizer, candidate.lookback, self.task.horizon, training
            )
            if not _can_be_built(recipe, self.task.channels):
                self._advance()
                continue
            model, _ = fit_split(recipe, split)
            self._judge(candidate, model, partial(_as_trained, model, rows), begun)

    def _begins(self, candidate: Candidate) -> bool:
        """Tell which candidate is next; return whether there is time to try it."""
        left = self._deadline - time.monotonic()
        if left < 0:
            self.skipped.append(candidate.title)
            self._advance()
            return False
        self._advance(0, f"{candidate.title}, {left:.0f} s of budget left")
        return True

    def _judge(
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
        self.tried.append(Tried(candidate, forecast, refit, mase, time.monotonic() - begun))
        self._advance()


def _can_be_built(recipe: Recipe, channels: int) -> bool:
    """Return whether the look-back is long enough for it: a patch needs its steps."""
    try:
        recipe.build(channels)
    except InputError:
        return False
    return True


def _as_trained(model: Reversible, whole: int, rows: int) -> Reversible | None:
    return model if rows == whole else None
