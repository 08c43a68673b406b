"""Try candidates on validation windows in a fixed order, within a time budget."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from revin_forecast.backbones import NHITS, DLinear, PatchTST, TSMixer
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.selection.candidates import (
    Candidate,
    Centring,
    EvaluatedCandidate,
    list_centrings,
    list_lookbacks,
    list_naive_candidates,
    make_linear_candidate,
)
from revin_forecast.selection.changed_maps import list_change_lookbacks, select_changed_map
from revin_forecast.selection.linear_maps import LinearMap, LinearMapSolver, build_map_model
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.task import SelectionTask
from revin_forecast.selection.trained_candidates import (
    MAX_TRAINED_LOOKBACK,
    can_be_built,
    keep_if_all_rows,
)
from revin_forecast.selection.validation import ValidationWindows
from revin_forecast.selection.weights import absolute_errors
from revin_forecast.training.fit import fit_model
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress

MAX_CHANNELS_OWN_MAPS = 512
"""Largest number of channels for which a map for each channel is tried."""
MANY_CHANNELS = 32
"""Number of channels above which their maps are changes of the shared one, which are fast."""
MAX_BEST_POINTS = 3
"""Number of the best look-backs at which other levels are tried."""
MAX_OWN_MAP_POINTS = 2
"""Number of the best grid points at which a map for each channel is tried."""
TRAINED_BACKBONES = (DLinear, NHITS, TSMixer, PatchTST)
"""Backbones that effort "thorough" trains, in this order."""

GridPoint = tuple[Centring, int]
"""Level and look-back of a linear map."""


class Selector:
    """Evaluates candidates in a fixed order until all are tried or the time is up.

    Args:
        task: values, split and horizon.
        settings: effort, seasons and time budget.
        centring: the only level to subtract; None: several are tried.
        lookback: the only look-back to try; None: several are tried.

    Raises:
        InputError: the look-back is longer than any training window.
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
                f"the {train} training rows hold no window of look-back {lookback} and horizon "
                f"{horizon}. Choose a shorter look-back, or pass more rows."
            )
        longest = lookback or train
        self.seasons = tuple(season for season in task.seasons if season <= longest)
        # Half of the rows but one horizon: about as many training windows as weights per step.
        max_lookback = max(1, (train - horizon) // 2)
        self.lookbacks = (
            [lookback] if lookback else list_lookbacks(horizon, self.seasons, max_lookback)
        )
        # A map that is changed needs a level that is linear in the window, and an intercept of 0.
        can_change = self.centring in (None, "last", "mean")
        can_change &= MANY_CHANNELS < task.channels <= MAX_CHANNELS_OWN_MAPS
        sizes = list_change_lookbacks(self.seasons, self.lookbacks) if can_change else []
        self.change_lookbacks = sizes
        self.max_lookback = max(*self.lookbacks, *self.seasons, min(8, longest))
        self.validation = ValidationWindows.from_values(
            task.values, train, self.max_lookback, horizon, self.season, task.filled
        ).restrict_to_targets(task.targets)
        self.centrings = list_centrings(task, self.season, self.validation.separate_count)
        self.evaluated_candidates: list[EvaluatedCandidate] = []
        self.skipped_candidates: list[str] = []
        self._mase_by_point: dict[GridPoint, float] = {}
        # Replaced in `run` by the function that advances the progress bar.
        self._advance: Callable[..., None] = lambda *_: None
        self._deadline = time.monotonic() + settings.budget_seconds

    @property
    def season(self) -> int:
        """Steps of the main season; 1 without one."""
        return self.seasons[0] if self.seasons else 1

    def run(self, training: TrainingSettings) -> list[EvaluatedCandidate]:
        """Evaluate all candidates that the time budget allows; the naive ones always.

        Args:
            training: settings of trained backbones, for effort "thorough".
        """
        with progress("choosing a model", self._count_candidates()) as advance:
            self._advance = advance
            for candidate in list_naive_candidates(self.seasons, self.max_lookback):
                self._try_naive(candidate)
            if self.task.train > self.task.horizon:
                self._try_maps()
                if self.settings.effort == "thorough":
                    self._try_trained(training)
        return self.evaluated_candidates

    def _count_candidates(self) -> int:
        """Return the number of candidates without a time budget, for the progress bar."""
        count = len(list_naive_candidates(self.seasons, self.max_lookback))
        if self.task.train <= self.task.horizon:
            return count
        lookbacks, channels = len(self.lookbacks), self.task.channels
        best = min(MAX_BEST_POINTS, lookbacks)
        if self.centring is None:
            lookbacks += (len(self.centrings) - 1) * best + 1
        count += lookbacks
        count += len(self.change_lookbacks)
        if 1 < channels <= MANY_CHANNELS:
            count += min(MAX_OWN_MAP_POINTS, lookbacks)
        return count + (len(TRAINED_BACKBONES) if self.settings.effort == "thorough" else 0)

    def _try_naive(self, candidate: Candidate) -> None:
        self._advance(0, candidate.title)
        start = time.monotonic()
        model = candidate.build(self.task.horizon, self.task.channels).eval()
        self._evaluate(candidate, model, lambda rows: model, start)

    def _try_maps(self) -> None:
        """Try a map for all channels at each look-back, then refine the best look-backs.

        The refinements are other levels and a map for each channel. A full grid of look-backs,
        levels and channels would cost too much.
        """
        solver = LinearMapSolver(
            torch.from_numpy(self.task.values[: self.task.train]),
            torch.from_numpy(self.task.values[self.task.train - self.max_lookback :]),
            self.max_lookback,
            self.task.horizon,
        )
        first, *others = (self.centring,) if self.centring else self.centrings
        self._try_points(solver, [(first, lookback) for lookback in self.lookbacks])
        if self.centring is None:
            best_lookbacks = [lookback for _, lookback in self._rank_points()[:MAX_BEST_POINTS]]
            self._try_points(
                solver,
                [(centring, lookback) for centring in others for lookback in best_lookbacks],
            )
            self._try_points(solver, [("median", lookback) for lookback in best_lookbacks[:1]])
        if self.task.channels > MANY_CHANNELS:
            self._try_changed_maps(solver)
        elif self.task.channels > 1:
            best_points = self._rank_points()[:MAX_OWN_MAP_POINTS]
            self._try_points(solver, best_points, per_channel=True)

    def _rank_points(self) -> list[GridPoint]:
        """Return the grid points tried so far with a map for all channels, best first."""
        return sorted(self._mase_by_point, key=lambda point: self._mase_by_point[point])

    def _try_points(
        self, solver: LinearMapSolver, points: Sequence[GridPoint], per_channel: bool = False
    ) -> None:
        """Solve and evaluate one map for all channels, or one for each, at each grid point."""
        groups = [(channel,) for channel in range(self.task.channels)] if per_channel else [None]
        for centring, lookback in points:
            candidate = make_linear_candidate(centring, lookback, per_channel)
            if not self._has_time_for(candidate):
                continue
            start = time.monotonic()
            maps = [solver.solve(centring, lookback, group) for group in groups]
            solved = [linear and (linear.weight, linear.bias) for linear in maps]
            model = build_map_model(candidate, self.task.horizon, self.task.channels, solved)
            penalties = tuple(math.nan if linear is None else linear.penalty for linear in maps)
            refit = partial(self._refit_ridge, candidate, maps)
            self._evaluate(candidate, model, refit, start, penalties)
            if not per_channel:
                self._mase_by_point[centring, lookback] = self.evaluated_candidates[-1].mase

    def _try_changed_maps(self, solver: LinearMapSolver) -> None:
        """Try a penalized change of the shared map for each of many channels."""
        centring = "last" if self.centring == "last" else "mean"
        for lookback in self.change_lookbacks:
            candidate = make_linear_candidate(centring, lookback, per_channel=True)
            if not self._has_time_for(candidate):
                continue
            start = time.monotonic()
            shared = solver.solve(centring, lookback)
            if shared is None:
                self._advance()
                continue
            model, changed = select_changed_map(candidate, shared, self.task, self.validation)
            penalties = shared.penalty, changed.penalty
            self._evaluate(candidate, model, changed.refit, start, penalties)

    def _refit_ridge(
        self, candidate: Candidate, maps: Sequence[LinearMap | None], rows: int
    ) -> Reversible:
        """Return the candidate with its maps solved again on the first rows."""
        values = torch.from_numpy(self.task.values[:rows])
        solved = [linear and linear.refit(values) for linear in maps]
        return build_map_model(candidate, self.task.horizon, self.task.channels, solved)

    def _try_trained(self, training: TrainingSettings) -> None:
        """Train each backbone of `TRAINED_BACKBONES` at the look-back of the best map."""
        rows, task = len(self.task.values), self.task
        split = ChronologicalSplit(
            task.values, task.train, rows, rows, scaling_rows=rows, filled=task.filled
        )
        maps = [
            entry for entry in self.evaluated_candidates if entry.candidate.backbone.name == "Ridge"
        ]
        best_map = min(maps, key=lambda entry: entry.mase) if maps else None
        lookback = best_map.candidate.lookback if best_map else self.max_lookback
        normalizer = ModuleSpec.from_class(RevIN)
        for backbone in TRAINED_BACKBONES:
            candidate = Candidate(
                ModuleSpec.from_class(backbone), normalizer, min(lookback, MAX_TRAINED_LOOKBACK)
            )
            if not self._has_time_for(candidate):
                continue
            start = time.monotonic()
            config = ModelConfig(
                candidate.backbone, normalizer, candidate.lookback, task.horizon, training
            )
            if not can_be_built(config, task.channels):
                self._advance()
                continue
            model, _ = fit_model(config, split)
            self._evaluate(candidate, model, partial(keep_if_all_rows, model, rows), start)

    def _has_time_for(self, candidate: Candidate) -> bool:
        """Return whether the budget allows a candidate, and show it as the next one or skip it."""
        remaining = self._deadline - time.monotonic()
        if remaining < 0:
            self._skip(candidate)
            return False
        self._advance(0, f"{candidate.title}, {remaining:.0f} s of budget left")
        return True

    def _skip(self, candidate: Candidate) -> None:
        self.skipped_candidates.append(candidate.title)
        self._advance()

    def _evaluate(
        self,
        candidate: Candidate,
        model: Reversible,
        refit: Callable[[int], Reversible | None],
        start: float,
        penalties: tuple[float, ...] = (),
    ) -> None:
        """Record the candidate's forecast and error on the validation windows.

        Args:
            candidate: the candidate.
            model: the candidate, fitted on the training rows.
            refit: see `EvaluatedCandidate.refit`.
            start: time on the monotonic clock at which its fit began.
            penalties: see `EvaluatedCandidate.penalties`.
        """
        forecast = self.validation.forecast(model, candidate.lookback)
        errors = absolute_errors(forecast.unsqueeze(0), self.validation.truth)[0]
        mase = self.validation.mase(errors)
        seconds = time.monotonic() - start
        self.evaluated_candidates.append(
            EvaluatedCandidate(candidate, forecast, refit, mase, seconds, penalties)
        )
        self._advance()
