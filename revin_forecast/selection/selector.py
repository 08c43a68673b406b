"""Try candidates on validation windows in a fixed order, within a time budget."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from revin_forecast.backbones import NHITS, DLinear, PatchTST, TSMixer
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.selection.candidates import (
    LOG_MEAN,
    Candidate,
    Centring,
    EvaluatedCandidate,
    list_centrings,
    list_lookbacks,
    list_naive_candidates,
    make_linear_candidate,
)
from revin_forecast.selection.changed_maps import list_change_lookbacks, select_changed_map
from revin_forecast.selection.linear_maps import LinearMap, LinearMapSolver
from revin_forecast.selection.settings import SelectionSettings
from revin_forecast.selection.solved_maps import LogValues, SolvedMaps
from revin_forecast.selection.task import SelectionTask
from revin_forecast.selection.trained_candidates import (
    can_be_built,
    choose_trained_lookback,
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
MAX_ROBUST_POINTS = 2
"""Number of the best grid points at which the map is solved again with robust weights."""
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
        self._map_by_point: dict[GridPoint, LinearMap] = {}
        self._logs = LogValues.from_task(task) if centring is None else None
        self._advance: Callable[..., None] = lambda *_: None
        self._deadline = time.monotonic() + settings.budget_seconds

    @property
    def season(self) -> int:
        """Steps of the main season; 1 without one."""
        return self.seasons[0] if self.seasons else 1

    def run(self, training: TrainingSettings) -> list[EvaluatedCandidate]:
        """Evaluate all candidates that the time budget allows; the naive ones always."""
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
            lookbacks += (len(self.centrings) - 1) * best
        count += lookbacks + min(MAX_ROBUST_POINTS, lookbacks)
        count += len(self.change_lookbacks) + int(self._logs is not None)
        if 1 < channels <= MANY_CHANNELS:
            count += min(MAX_OWN_MAP_POINTS, lookbacks)
        return count + (len(TRAINED_BACKBONES) if self.settings.effort == "thorough" else 0)

    def _try_naive(self, candidate: Candidate) -> None:
        self._advance(0, candidate.title)
        start = time.monotonic()
        model = candidate.build(self.task.horizon, self.task.channels).eval()
        self._evaluate(candidate, model, lambda rows: model, start)

    def _try_maps(self) -> None:
        """Try a map for all channels at each look-back, then refine the best look-backs."""
        solver = self._make_solver(torch.from_numpy(self.task.values))
        first, *others = (self.centring,) if self.centring else self.centrings
        self._try_points(solver, [(first, lookback) for lookback in self.lookbacks])
        if self.centring is None:
            best_lookbacks = [lookback for _, lookback in self._rank_points()[:MAX_BEST_POINTS]]
            self._try_points(
                solver,
                [(centring, lookback) for centring in others for lookback in best_lookbacks],
            )
        self._try_robust(solver, self._rank_points()[:MAX_ROBUST_POINTS])
        if self.task.channels > MANY_CHANNELS:
            self._try_changed_maps(solver)
        elif self.task.channels > 1:
            self._try_points(solver, self._rank_points()[:MAX_OWN_MAP_POINTS], per_channel=True)
        if self._logs is not None and self._mase_by_point:
            self._try_logs(self._logs, self._rank_points()[0][1])

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
            self._evaluate_maps(candidate, maps, start)
            if not per_channel:
                self._mase_by_point[centring, lookback] = self.evaluated_candidates[-1].mase
                if maps[0] is not None:
                    self._map_by_point[centring, lookback] = maps[0]

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

    def _try_robust(self, solver: LinearMapSolver, points: Sequence[GridPoint]) -> None:
        """Solve the maps at some grid points again, with weights by their errors."""
        for point in points:
            linear = self._map_by_point.get(point)
            candidate = replace(make_linear_candidate(*point, per_channel=False), is_robust=True)
            if linear is None or not self._has_time_for(candidate):
                continue
            start = time.monotonic()
            self._evaluate_maps(candidate, [solver.solve_robust(linear)], start)

    def _try_logs(self, logs: LogValues, lookback: int) -> None:
        """Solve maps on logarithms: one for each of a few channels, or one for all."""
        per_channel = 1 < (channels := self.task.channels) <= MANY_CHANNELS
        groups = [(channel,) for channel in range(channels)] if per_channel else [None]
        candidate = replace(
            make_linear_candidate("mean", lookback, per_channel), normalizer=LOG_MEAN
        )
        if not self._has_time_for(candidate):
            return
        start = time.monotonic()
        solver = self._make_solver(logs.values)
        maps = [solver.solve("mean", lookback, group) for group in groups]
        self._evaluate_maps(candidate, maps, start, logs)

    def _make_solver(self, values: Tensor) -> LinearMapSolver:
        """Return the solver of maps of all rows, on values or on logarithms."""
        train, longest = self.task.train, self.max_lookback
        parts = values[:train], values[train - longest :]
        return LinearMapSolver(*parts, longest, self.task.horizon)

    def _evaluate_maps(
        self,
        candidate: Candidate,
        maps: Sequence[LinearMap | None],
        start: float,
        logs: LogValues | None = None,
    ) -> None:
        """Evaluate a Ridge with one map for all channels, or one for each."""
        values = torch.from_numpy(self.task.values) if logs is None else logs.values
        zero = None if logs is None else logs.zero
        solved = SolvedMaps(candidate, maps, values, self.task.horizon, zero)
        self._evaluate(candidate, solved.build(), solved.refit, start, solved.penalties)

    def _try_trained(self, training: TrainingSettings) -> None:
        """Train each backbone of `TRAINED_BACKBONES` at the look-back of the best map."""
        rows, task = len(self.task.values), self.task
        split = ChronologicalSplit(
            task.values, task.train, rows, rows, scaling_rows=rows, filled=task.filled
        )
        lookback = choose_trained_lookback(self.evaluated_candidates, self.max_lookback)
        normalizer = ModuleSpec.from_class(RevIN)
        for backbone in TRAINED_BACKBONES:
            candidate = Candidate(ModuleSpec.from_class(backbone), normalizer, lookback)
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
            self.skipped_candidates.append(candidate.title)
            self._advance()
            return False
        self._advance(0, f"{candidate.title}, {remaining:.0f} s of budget left")
        return True

    def _evaluate(
        self,
        candidate: Candidate,
        model: Reversible,
        refit: Callable[[int], Reversible | None],
        start: float,
        penalties: tuple[float, ...] = (),
    ) -> None:
        """Record forecast and error of a model whose fit began at `start`, a monotonic time."""
        forecast = self.validation.forecast(model, candidate.lookback)
        errors = absolute_errors(forecast.unsqueeze(0), self.validation.truth)[0]
        mase, seconds = self.validation.mase(errors), time.monotonic() - start
        self.evaluated_candidates.append(
            EvaluatedCandidate(candidate, forecast, refit, mase, seconds, penalties)
        )
        self._advance()
