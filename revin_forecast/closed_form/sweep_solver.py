"""Solution of the maps that a sweep selected, on every window of a table."""

import torch
from torch import Tensor

from revin_forecast.backbones.ridge import Ridge
from revin_forecast.closed_form.level_column import (
    add_level_column,
    join_level_heads,
    solve_level_head,
)
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.robust_weights import (
    WindowRuns,
    compute_robust_weights,
    measure_residuals,
)
from revin_forecast.closed_form.sweep_maps import build_map, solve_change
from revin_forecast.closed_form.sweep_selection import SweepSelection
from revin_forecast.closed_form.weighted_sums import WeightedSums
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN, ShrunkLevel
from revin_forecast.normalizers.level_head import LevelHead
from revin_forecast.utils.threads import thread_map


class SweepSolver:
    """The maps of all steps, solved on all windows of a table; builds the model of each horizon.

    Args:
        values: (time, channels) float64, transformed if the sweep selected a transform.
        result: the selected maps.
        horizon: longest horizon to solve for.
    """

    def __init__(self, values: Tensor, result: SweepSelection, horizon: int):
        self.values, self.result, self.lookback = values, result, result.lookback
        self.profile = result.scaled_profile(values)
        grid = result.grid
        self.groups = grid.groups[: grid.horizons.index(horizon) + 1]
        shared = self._solve_shared()
        channels, groups = range(values.shape[1]), range(len(self.groups))
        own = [c for c in channels if any(result.penalties_of(c)[: len(self.groups)])]
        plain = self._stack_maps(shared, own, thread_map(lambda c: self._change(c, shared), own))
        if any(map(any, result.robust_shares)):
            robust = torch.cat(thread_map(lambda g: self._solve_robust(g, plain), groups))
            changed = thread_map(lambda c: self._change(c, robust, plain), own)
            shares = torch.tensor(result.robust_shares, dtype=torch.float64)
            sizes = torch.tensor([stop - first for first, stop in self.groups])
            by_step = shares[:, : len(sizes)].repeat_interleave(sizes, dim=1).unsqueeze(2)
            robust = self._stack_maps(robust, own, changed)
            if len(robust) == 1:  # all channels decided together
                by_step = by_step[:1]
            plain = plain + by_step * (robust - plain)
        self.weight = plain
        """(1 or channels, steps, lookback), for raw windows."""
        self.heads = self._solve_level_heads()

    def build_model(self, horizon: int) -> Reversible:
        """Return the model of a horizon."""
        channels = self.values.shape[1]
        has_own = len(self.weight) > 1
        model = Ridge(self.lookback, horizon, channels, has_own)
        weight = self.weight[:, :horizon]
        model.weight.copy_(weight if has_own else weight[0])
        if not self.heads:
            return Reversible(model, RevIN(channels)).eval()
        normalizer = ShrunkLevel(channels, self.lookback, horizon)
        readings = torch.full((channels, self.lookback), 1 / self.lookback)
        slopes = torch.zeros(horizon, channels)
        for channel, (head, centre) in self.heads.items():
            readings[channel], slopes[:, channel] = head.reading_weights, head.slopes[:horizon]
            normalizer.shares[channel] = self.result.level_shares[channel]
            normalizer.training_mean[channel] = centre
        normalizer.set_level_head(readings, slopes)
        return Reversible(model, normalizer).eval()

    def _solve_shared(self) -> Tensor:
        """Return the shared map, (steps, lookback), for raw windows."""
        sums = WindowSums(self.values, self.lookback, self.groups[-1][1], self.profile)
        rows, choices = len(self.values), self.result.shared_choices
        sizes = {size for choice in choices for size in choice.lookbacks}
        # Before the threads start: they only read the prepared sums.
        sums.prepare(*((size, size, rows - stop + 1) for size in sizes for _, stop in self.groups))

        def solve_group(group: int) -> Tensor:
            first, stop = self.groups[group]

            def compute_equations(size: int) -> NormalEquations:
                return sums.equations(size, stop, 0, rows).select_steps(slice(first, stop))

            steps = [(0, stop - first)]
            return build_map(compute_equations, [choices[group]], steps, self.lookback)

        return torch.cat(thread_map(solve_group, range(len(self.groups))))

    def _series(self, channel: int) -> Tensor:
        """Return one channel minus its share of the profile, (time,)."""
        return self.result.subtract_profile(self.values, self.profile, channel)

    def _channel_equations(self, series: Tensor) -> list[NormalEquations]:
        """Return the equations of one channel for each group of steps."""
        sums = WindowSums(series.unsqueeze(1), self.lookback, self.groups[-1][1])
        return [
            sums.equations(self.lookback, stop, 0, len(series)).select_steps(slice(first, stop))
            for first, stop in self.groups
        ]

    def _stack_maps(self, shared: Tensor, own: list[int], own_maps: list[Tensor]) -> Tensor:
        """Return the maps of all channels, or the shared one if no channel has its own."""
        if not own:
            return shared.unsqueeze(0)
        maps = shared.repeat(self.values.shape[1], 1, 1)
        for channel, weight in zip(own, own_maps, strict=True):
            maps[channel] = weight
        return maps

    def _change(self, channel: int, shared: Tensor, plain: Tensor | None = None) -> Tensor:
        """Return a channel's map, a change of the shared one, (steps, lookback).

        Args:
            channel: number of the channel.
            shared: (steps, lookback).
            plain: maps of the first solve, for a robust one; None: all windows count alike.
        """
        series, weight = self._series(channel), shared.clone()
        penalties = self.result.penalties_of(channel)
        sums = WindowSums(series.unsqueeze(1), self.lookback, self.groups[-1][1])
        for group, (first, stop) in enumerate(self.groups):
            penalty = penalties[group]
            if penalty is None or (plain is not None and not self._is_robust(channel, group)):
                continue
            if plain is None:
                equations = sums.equations(self.lookback, stop, 0, len(series))
            else:
                total = WeightedSums(self.lookback, stop)
                self._add_robust(channel, plain, group, total)
                equations = total.equations()
            steps = equations.select_steps(slice(first, stop))
            weight[first:stop] += solve_change(steps, shared[first:stop], penalty)
        return weight

    def _is_robust(self, channel: int, group: int) -> bool:
        return self.result.robust_share(channel, group) > 0

    def _solve_robust(self, group: int, plain: Tensor) -> Tensor:
        """Return the robust shared map of a group of steps; the plain one if no channel uses it."""
        first, stop = self.groups[group]
        channels = range(self.values.shape[1])
        if not any(self._is_robust(channel, group) for channel in channels):
            return plain[0, first:stop]
        total = WeightedSums(self.lookback, stop)
        for channel in channels:
            self._add_robust(channel, plain, group, total)
        equations = total.equations().select_steps(slice(first, stop))
        choices, steps = [self.result.shared_choices[group]], [(0, stop - first)]
        return build_map(lambda _: equations, choices, steps, self.lookback)

    def _add_robust(self, channel: int, plain: Tensor, group: int, total: WeightedSums) -> None:
        """Add the weighted windows of one channel to the sums of a group of steps.

        Args:
            channel: number of the channel.
            plain: (1 or channels, steps, lookback), the maps whose residuals give the weights.
            group: group of steps.
            total: sums to add to.
        """
        (first, stop), series = self.groups[group], self._series(channel)
        runs = WindowRuns.split(self.lookback, len(series) - stop + 1, self.values.shape[1])
        weight = plain[channel % len(plain), first:stop]
        residuals = measure_residuals(series, weight, runs.middles, first)
        weights = compute_robust_weights(residuals)
        spread = runs.spread_weights(weights, series, (self.lookback, stop))
        total.add_windows(series, spread, self.lookback)

    def _solve_level_heads(self) -> dict[int, tuple[LevelHead, float]]:
        """Return the head and the centre of each channel that keeps a share of its level."""
        shares = self.result.level_shares
        kept = [channel for channel, share in enumerate(shares) if share > 0]
        return dict(zip(kept, thread_map(self._solve_level_head, kept), strict=True))

    def _solve_level_head(self, channel: int) -> tuple[LevelHead, float]:
        series = self._series(channel)
        centre = series[series.isfinite()].mean().nan_to_num()
        level = series.new_full((self.lookback,), 1 / self.lookback)
        weight, heads = self.weight[channel % len(self.weight)], []
        equations = self._channel_equations(series - centre)
        for group, choice, (first, stop) in zip(
            equations, self.result.shared_choices, self.groups, strict=False
        ):
            with_level = add_level_column(group, level)
            heads.append(solve_level_head(with_level, weight[first:stop], choice.penalties[-1]))
        return join_level_heads(heads), float(centre)
