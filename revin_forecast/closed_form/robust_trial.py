"""Trial of the robust second solve on held-out blocks."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from revin_forecast.closed_form.admission import Admission, choose_share
from revin_forecast.closed_form.coarse_lags import coarsen_problem
from revin_forecast.closed_form.fold_maps import FoldMaps
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.robust_weights import (
    WindowRuns,
    compute_robust_weights,
    measure_residuals,
)
from revin_forecast.closed_form.sweep_maps import (
    build_map,
    is_last_value,
    solve_change,
)
from revin_forecast.closed_form.weighted_sums import WeightedSums
from revin_forecast.utils.threads import thread_map

Unit = tuple[int, tuple[int, ...]]
"""A group of steps, and the channels that decide together."""
ROBUST_SHARES = (1 / 3, 2 / 3, 1.0)
"""Candidate shares of the robust solve in the mean with the first one."""


class RobustTrial:
    """The robust second solve of the maps that a sweep selected, tried on held-out blocks.

    The residuals of a block come from maps fitted without it, so each window has one weight for all
    fits. The sums of a fit are those of all windows minus those of the block and of the windows
    next to it. A channel with a change of the shared map decides for itself, all channels that
    share the map decide together, each for every group of steps. The share of the robust solve in
    the mean of both has the least error on the blocks.

    Args:
        maps: the selected maps, fitted without each block.
    """

    def __init__(self, maps: FoldMaps):
        self.maps, self.result, self.grid = maps, maps.result, maps.grid
        self.lookback, self.ranges = maps.lookback, maps.ranges
        self.channels = maps.values.shape[1]
        self.runs = WindowRuns.split(self.ranges.begin, self.ranges.end, self.channels)

    def choose_shares(self) -> tuple[tuple[tuple[float, ...], ...], Admission]:
        """Return the share of each channel and group of steps, and the trial's result."""
        weights = thread_map(self._weigh_channel, range(self.channels))
        groups = range(len(self.grid.groups))
        robust = dict(enumerate(thread_map(lambda g: self._fit_group(g, weights), groups)))
        shares = [[0.0] * len(groups) for _ in range(self.channels)]
        base = gained = 0.0
        admitted = tried = 0
        own = [c for c in range(self.channels) if any(self.result.penalties_of(c))]
        parts = [
            *thread_map(lambda c: self._try_channel(c, weights[c], robust), own),
            *thread_map(lambda group: self._try_group(group, robust[group]), groups),
        ]
        for part in parts:
            for (group, channels), terms in part.items():
                share, gains = choose_share(terms, ROBUST_SHARES)
                for channel in channels:
                    shares[channel][group] = share
                base, gained = base + float(terms[0].sum()), gained + float(gains.sum())
                admitted, tried = admitted + (share > 0), tried + 1
        gain = gained / base if base > 0 else 0.0
        return tuple(map(tuple, shares)), Admission("robust solve", gain, admitted, tried)

    def _weigh_channel(self, channel: int) -> Tensor:
        """Return the weights of a channel's windows for each group of steps, (groups, runs)."""
        series, (maps, _) = self.maps.series(channel), self.maps.maps_of(channel)
        return compute_robust_weights(self._cross_fitted_residuals(series, maps))

    def _fit_group(self, group: int, weights: Sequence[Tensor]) -> list[Tensor]:
        """Return the robust shared maps of a group of steps; none if the last value is repeated."""
        choice, steps = self.result.shared_choices[group], self.grid.groups[group]
        if is_last_value(choice):
            return []
        series = (self.maps.series(channel) for channel in range(self.channels))
        fits = self._sum_fits(series, [weight[group] for weight in weights], group)
        return [
            build_map(
                lambda _, fit=fit: fit.equations().select_steps(slice(*steps)),
                [choice],
                [(0, steps[1] - steps[0])],
                self.lookback,
            )
            for fit in fits
        ]

    def _try_channel(
        self, channel: int, weights: Tensor, robust: Mapping[int, list[Tensor]]
    ) -> dict[Unit, Tensor]:
        """Return the errors of a channel's own robust maps for `choose_share`."""
        series, penalties = self.maps.series(channel), self.result.penalties_of(channel)
        maps, blocks = self.maps.maps_of(channel)
        fits = {
            group: self._sum_fits([series], [weights[group]], group)
            for group, penalty in enumerate(penalties)
            if penalty is not None and robust[group]
        }
        errors: dict[Unit, list[Tensor]] = {(group, (channel,)): [] for group in fits}
        for number, block in enumerate(blocks):
            held_out = block.held_out_equations
            for group, sums in fits.items():
                penalty, steps = penalties[group], slice(*self.grid.groups[group])
                assert penalty is not None
                shared, fit = robust[group][number], sums[number].equations().select_steps(steps)
                own = shared + solve_change(fit, shared, penalty)
                terms = _share_errors(held_out, steps, maps[number][steps], own)
                errors[group, (channel,)].append(terms)
        return {unit: torch.stack(terms, dim=1) for unit, terms in errors.items()}

    def _try_group(self, group: int, robust: list[Tensor]) -> dict[Unit, Tensor]:
        """Return the errors of the robust map for the channels that share it."""
        sharing = self.result.sharing_channels(group, self.channels)
        if not sharing or not robust:
            return {}
        is_all = len(sharing) == self.channels
        blocks = self.maps.blocks if is_all else self.maps.hold_out(sharing)
        steps = slice(*self.grid.groups[group])
        errors = [
            _share_errors(block.held_out_equations, steps, plain[steps], own)
            for block, plain, own in zip(blocks, self.maps.shared, robust, strict=True)
        ]
        return {(group, tuple(sharing)): torch.stack(errors, dim=1)}

    def _cross_fitted_residuals(self, series: Tensor, maps: Sequence[Tensor]) -> Tensor:
        """Return each run's residual by the map fitted without its block, (groups, runs)."""
        origins, groups = self.runs.middles, self.grid.groups
        residuals = series.new_zeros(len(groups), len(origins))
        for (begin, end), weight in zip(self.ranges.held_out, maps, strict=True):
            inside = ((origins >= begin) & (origins < end)).nonzero().flatten()
            for group, (first, stop) in enumerate(groups):
                residuals[group, inside] = measure_residuals(
                    series, weight[first:stop], origins[inside], first
                )
        return residuals

    def _sum_fits(
        self, series: Iterable[Tensor], weights: Sequence[Tensor], group: int
    ) -> list[WeightedSums]:
        """Return the weighted sums of all series for the fit without each block.

        Args:
            series: (time,) values of each channel.
            weights: of each series, (runs,).
            group: group of steps; windows reach to its last step.
        """
        ranges, sizes = self.ranges, (self.lookback, self.grid.groups[group][1])
        blocks = [WeightedSums(*sizes) for _ in ranges.held_out]
        margins = [WeightedSums(*sizes) for _ in ranges.held_out]
        for one, run_weights in zip(series, weights, strict=True):
            spread = self.runs.spread_weights(run_weights, one, sizes)

            def add(sums: WeightedSums, first: int, stop: int, one=one, spread=spread) -> None:
                sums.add_windows(one, spread[first - ranges.begin : stop - ranges.begin], first)

            for sums, margin, (first, stop), (start, end) in zip(
                blocks, margins, ranges.held_out, ranges.overlapping, strict=True
            ):
                add(sums, first, stop)
                add(margin, start, first)
                add(margin, stop, end)
        return [
            blocks[0].combine(
                [(1, sums) for sums in blocks[1:]] + [(-1, block), (-1, margin)],
            )
            for block, margin in zip(blocks, margins, strict=True)
        ]


def _share_errors(
    equations: NormalEquations, steps: slice, plain: Tensor, robust: Tensor
) -> Tensor:
    """Return the error of a map and the terms of a share of the change to another, (3,)."""
    held_out = equations.truncate(plain.shape[1], steps.stop).select_steps(steps)
    held_out, plain, change = coarsen_problem(held_out, plain, robust - plain)
    residual = held_out.subtract_map(plain)
    linear = -2 * (change * residual.cross).sum()
    quadratic = ((change @ held_out.gram) * change).sum()
    return torch.stack([residual.target_squares.sum(), linear, quadratic])
