"""The maps that a sweep selected, fitted without each held-out block."""

from collections.abc import Iterable

from torch import Tensor

from revin_forecast.closed_form.sweep_maps import add_change, build_map
from revin_forecast.closed_form.sweep_selection import SweepSelection
from revin_forecast.closed_form.time_blocks import (
    BlockRanges,
    HeldOutBlock,
    hold_out_blocks,
    split_into_blocks,
)
from revin_forecast.closed_form.window_sums import WindowSums
from revin_forecast.utils.threads import thread_map


class FoldMaps:
    """Maps of a sweep for each fit without one block of time.

    The profile is that of all rows, so two additions are compared with the same profile.

    Args:
        values: (time, channels) float64: the rows of the sweep.
        result: the selected maps.
    """

    def __init__(self, values: Tensor, result: SweepSelection):
        self.values, self.result, self.grid = values, result, result.grid
        self.profile = result.scaled_profile(values)
        self.ranges: BlockRanges = split_into_blocks(
            len(values), self.grid.lookbacks[-1], self.grid.horizons[-1], self.grid.blocks
        )
        self.lookback = result.lookback
        self.blocks = self.hold_out(range(values.shape[1]))
        self.shared = thread_map(self._fit_shared, self.blocks)

    def series(self, channel: int) -> Tensor:
        """Return one channel minus its share of the profile, (time,)."""
        return self.result.subtract_profile(self.values, self.profile, channel)

    def hold_out(self, channels: Iterable[int]) -> list[HeldOutBlock]:
        """Return the held-out blocks of some channels."""
        grid, columns = self.grid, list(channels)
        is_all = len(columns) == self.values.shape[1]
        values = self.values if is_all else self.values[:, columns]
        profile = self.profile if is_all or self.profile is None else self.profile[:, columns]
        sums = WindowSums(values, grid.lookbacks[-1], grid.horizons[-1], profile)
        return hold_out_blocks(sums, grid.blocks)

    def maps_of(self, channel: int) -> tuple[list[Tensor], list[HeldOutBlock]]:
        """Return a channel's map for each fit, (steps, lookback), and its blocks.

        Without a change of the shared map, these are the shared maps, and there are no blocks.
        """
        penalties = self.result.penalties_of(channel)
        if not any(penalties):
            return self.shared, []
        blocks = self.hold_out([channel])
        maps = [
            add_change(block.fit_equations, shared, penalties, self.grid.groups)
            for block, shared in zip(blocks, self.shared, strict=True)
        ]
        return maps, blocks

    def _fit_shared(self, block: HeldOutBlock) -> Tensor:
        equations = block.fit_equations
        choices, groups = self.result.shared_choices, self.grid.groups
        return build_map(lambda _: equations, choices, groups, self.lookback)
