"""Test error with the level taken away, kept, shrunk, blended and chosen, on 21 sets."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from statistics import fmean

import torch
from torch import Tensor

from benchmarks.accuracy.level_maps import (
    LevelErrors,
    RawMap,
    add_equations,
    read_raw_maps,
    solve_blended,
    solve_kept,
    solve_taken,
)
from benchmarks.accuracy.level_risk import CRITICAL_VALUE, OTHER_SHRINKAGES
from benchmarks.accuracy.level_sets import FILES, choose_sizes, load_split
from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.evidence import Row
from revin_forecast.backbones.ridge import DEFAULT_PENALTIES, Ridge
from revin_forecast.closed_form.fit_ridge import fit_ridge
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.closed_form.time_blocks import hold_out_blocks
from revin_forecast.closed_form.window_sums import WindowSums, gap_free_equations
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Blend, ShrunkLevel
from revin_forecast.normalizers.level_shares import (
    SHRINKAGE,
    compute_dickey_fuller_t,
    compute_window_levels,
    estimate_level_shares,
)

TEXT = f"""
# The level: taken, kept, shrunk

Test MSE of one linear map with its level treated in several ways, on data z-scored with the
training part; every test window is scored. `MSE taken` is RevIN's error, and the other columns are
relative to it. `kept`: two more columns without a penalty, the level (the mean of the window) and a
constant. `shrunk`: `ShrunkLevel` around a Ridge, solved by `fit_ridge` as users solve it. That is
taken + s (kept - taken) with s = max(0, 1 - k / tau^2) for tau < 0, else 0, for each channel; tau
is the Dickey-Fuller t statistic of the means of its non-overlapping windows, and k = {SHRINKAGE:g}.
The layer bounds the level's slopes and takes the training mean as its centre; `shrunk by sums` has
neither, and is computed by other code. `pretest`: kept where tau < {CRITICAL_VALUE}. `chosen`: the
end with the smaller error on four blocks of time left out, for each channel. `Blend`: its initial
shares around the same ridge. (Training its shares by gradient would train the map as well, and a
difference would not be the level's alone.) `k = ...` are other shrinkages by sums, which select
nothing.

One protocol for all. Look-back (of three) and penalty (of seven) are selected for RevIN on four
blocks of the rows before the test part, and every treatment uses them. Maps and shares are
estimated on the rows before the test part; `shrunk, training` on the training part alone, relative
to RevIN's map of the same rows. All 21 matrices of the data folder are used; M4 is left out, as its
files are many short series without a common split. Horizons follow from the number of training rows
(96 and 336 from 4,000 rows; 24 and 96 from 1,000; 24 and 60 from 400; else 7 and 28), as do the
look-backs. k, horizons and look-backs were fixed before the first run, so no set had a part in a
choice, and none has to be left out in turn. The test parts were scored twice: the second run added
`shrunk` by the package's own layer and the blocks won, and changed nothing else. In pm25, household
and pjm, windows with a gap are neither used nor scored.

`levels` is the number of non-overlapping windows, `rejects` the number of channels with tau <
{CRITICAL_VALUE}, `share` the mean of s. `kept on blocks` and `kept on chains` compare kept with
taken without the test part: on four blocks left out, and on the last three of these, forecast by
the windows before them. `blocks won` and `chains won` count those on which kept is better. Two more
horizons of exchange, for [its own section](../theory/level.md#exchange), are not counted in the
last rows: mean, worst and best over the counted cells, and the number of cells where both ends are
more than one percent better. Repeat with

    python -m benchmarks.accuracy.run --grid level --threads 1 --data-dir DATA
"""
FURTHER_HORIZONS = {"exchange": (192, 720)}
"""Horizons that are measured but not counted in the summary."""
BLOCKS = 4
"""Blocks of time, each left out once."""
RATIOS = (
    "kept",
    "shrunk",
    "pretest",
    "chosen",
    "Blend",
    "shrunk by sums",
    *(f"k = {k:g}" for k in OTHER_SHRINKAGES),
    "shrunk, training",
)
"""Columns of errors relative to RevIN's."""
MIN_EXCESS = 1 / 0.99
"""A ratio to the worse end from which both ends are one percent better."""


@dataclass(frozen=True)
class LevelCell:
    """A set and a horizon with the look-back and the penalty that were selected for RevIN."""

    split: ChronologicalSplit
    """The set in its standard split."""
    lookback: int
    """Steps in the input window."""
    horizon: int
    """Steps to forecast."""
    penalty: float
    """Penalty of the map, relative to the mean eigenvalue of RevIN's Gram matrix."""

    @property
    def rows(self) -> Tensor:
        """All standardized rows, (time, channels)."""
        return torch.from_numpy(self.split.standardizer.transform(self.split.values))

    def equations(self, rows: Tensor) -> list[NormalEquations]:
        """Return the equations of each channel's windows without a gap."""
        sizes = self.lookback, self.horizon
        return [gap_free_equations(channel, *sizes) for channel in rows.split(1, dim=1)]

    def solve(self, equations: NormalEquations) -> tuple[RawMap, RawMap]:
        """Return the maps with the level taken and kept."""
        return solve_taken(equations, self.penalty), solve_kept(equations, self.penalty)


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[PlannedRow]:
    """Plan a row for each set and horizon."""
    if seeds != 1:
        raise SystemExit("--grid level has no random part; leave --seeds out.")
    for name in names or (["etth1"] if quick else FILES):
        sizes = choose_sizes(load_split(name, data_dir, quick))
        for horizon in sorted({*sizes.horizons, *FURTHER_HORIZONS.get(name, ())}):
            counted = horizon in sizes.horizons
            key: Row = {"data": name, "horizon": horizon, "counted": counted}
            yield PlannedRow(key, partial(measure_cell, name, horizon, data_dir, quick))


def measure_cell(name: str, horizon: int, data_dir: str | None, quick: bool) -> Row:
    """Select the map for RevIN, then score every treatment of the level with it."""
    cell = select_cell(load_split(name, data_dir, quick), horizon)
    split, rows = cell.split, cell.rows
    before = rows[: split.validation]
    test = rows[split.validation - cell.lookback : split.test]
    errors = score_ends(cell, before, test)
    tau = compute_dickey_fuller_t(compute_window_levels(before, cell.lookback))
    share = estimate_level_shares(before, cell.lookback)
    taken = torch.zeros_like(share)
    on_blocks, on_chains = compare_on_blocks(cell, before)
    blocks, chains = LevelErrors.add(on_blocks), LevelErrors.add(on_chains)
    treatments = {
        "kept": taken + 1,
        "shrunk by sums": share,
        "pretest": (tau < CRITICAL_VALUE).double(),
        "chosen": (blocks.kept < blocks.taken).double(),
    }
    treatments |= {
        f"k = {k:g}": estimate_level_shares(before, cell.lookback, k) for k in OTHER_SHRINKAGES
    }
    base = errors.mse(taken)
    row: Row = {
        "look-back": cell.lookback,
        "penalty": cell.penalty,
        "channels": len(share),
        "levels": split.validation // cell.lookback,
        "rejects": int((tau < CRITICAL_VALUE).sum()),
        "share": float(share.mean()),
        "MSE taken": base,
    }
    ratios = {name: errors.mse(shares) / base for name, shares in treatments.items()}
    ratios["shrunk"] = score_shrunk(cell, before, test) / base
    ratios["Blend"] = score_blend(cell, before, test) / base
    training = rows[: split.train]
    alone = score_ends(cell, training, test)
    ratios["shrunk, training"] = score_shrunk(cell, training, test) / alone.mse(taken)
    row |= {name: ratios[name] for name in RATIOS}
    for name, parts, total in (("blocks", on_blocks, blocks), ("chains", on_chains, chains)):
        row[f"kept on {name}"] = total.mse(taken + 1) / total.mse(taken)
        row[f"{name} won"] = sum(part.mse(taken + 1) < part.mse(taken) for part in parts)
    return row


def select_cell(split: ChronologicalSplit, horizon: int) -> LevelCell:
    """Select look-back and penalty of RevIN's map on blocks of the rows before the test part."""
    values = torch.from_numpy(split.standardizer.transform(split.values[: split.validation]))
    lookbacks = choose_sizes(split).lookbacks
    held_out = hold_out_blocks(WindowSums(values, lookbacks[-1], horizon), BLOCKS)
    errors = [block.errors(lookbacks, DEFAULT_PENALTIES, (horizon,)) for block in held_out]
    total = torch.stack(errors).sum(dim=0)[:, 0]
    best, penalty = divmod(int(total.argmin()), len(DEFAULT_PENALTIES))
    return LevelCell(split, lookbacks[best], horizon, DEFAULT_PENALTIES[penalty])


def score_ends(cell: LevelCell, fitted: Tensor, scored: Tensor) -> LevelErrors:
    """Solve both ends on some rows, and score them on others."""
    taken, kept = cell.solve(add_equations(cell.equations(fitted)))
    return LevelErrors.from_maps(taken, kept, cell.equations(scored))


def score_shrunk(cell: LevelCell, fitted: Tensor, scored: Tensor) -> float:
    """Return the mean squared error of `ShrunkLevel` around a Ridge, as `fit_ridge` solves it."""
    sizes = cell.lookback, cell.horizon
    channels = fitted.shape[1]
    normalizer = ShrunkLevel(channels, *sizes, affine=False)
    normalizer.initialize_from(fitted, cell.lookback)
    model = Reversible(Ridge(*sizes, channels, penalties=[cell.penalty]), normalizer)
    fit_ridge(model.double(), fitted, gaps="complete")
    return _score_maps(cell, read_raw_maps(model, cell.lookback, channels), scored)


def score_blend(cell: LevelCell, fitted: Tensor, scored: Tensor) -> float:
    """Return the mean squared error of `Blend` with its initial shares around the same ridge."""
    blend = Blend(fitted.shape[1])
    blend.initialize_from(fitted, cell.lookback)
    shares = blend.share.detach().double().tolist()
    maps = solve_blended(cell.equations(fitted), shares, cell.penalty)
    return _score_maps(cell, maps, scored)


def _score_maps(cell: LevelCell, maps: Sequence[RawMap], scored: Tensor) -> float:
    """Return the mean squared error of each channel's map over all channels."""
    equations = cell.equations(scored)
    total = sum(one.squared_error(part) for one, part in zip(maps, equations, strict=True))
    return total / (cell.horizon * sum(part.count for part in equations))


def compare_on_blocks(cell: LevelCell, rows: Tensor) -> tuple[list[LevelErrors], list[LevelErrors]]:
    """Return the errors of both ends on each block left out, and on each forward chain.

    Each of the `BLOCKS` blocks is left out once, with the windows that share a target with it. In a
    chain, the maps for a block are solved on the windows before it alone.
    """
    lookback, horizon = cell.lookback, cell.horizon
    begin, end = lookback, len(rows) - horizon + 1
    edges = [begin + (end - begin) * part // BLOCKS for part in range(BLOCKS + 1)]
    sums = WindowSums(rows, lookback, horizon)
    total = sums.equations_over(begin, end)
    on_blocks, on_chains = [], []
    for first, stop in pairwise(edges):
        overlap = max(begin, first - horizon + 1), min(end, stop + horizon - 1)
        scored = cell.equations(rows[first - lookback : stop + horizon - 1])
        ends = cell.solve(total - sums.equations_over(*overlap))
        on_blocks.append(LevelErrors.from_maps(*ends, scored))
        if first > begin:
            ends = cell.solve(sums.equations_over(begin, overlap[0]))
            on_chains.append(LevelErrors.from_maps(*ends, scored))
    return on_blocks, on_chains


def add_summary_rows(rows: Sequence[Row]) -> list[Row]:
    """Append the mean, the worst and the best ratio of each treatment, and the cells behind both.

    A cell is behind both ends if taken and kept are each more than one percent better.
    """
    cells = [row for row in rows if row["horizon"] is not None]
    counted = [row for row in cells if row["counted"]]
    summary: list[Row] = []
    for name, summarize in (("mean", fmean), ("worst", max), ("best", min)):
        ratios = {ratio: summarize(row[ratio] for row in counted) for ratio in RATIOS}
        summary.append(dict.fromkeys(cells[0]) | {"data": name} | ratios)
    behind = {
        ratio: sum(row[ratio] > MIN_EXCESS * max(1, row["kept"]) for row in counted)
        for ratio in RATIOS
    }
    summary.append(dict.fromkeys(cells[0]) | {"data": "behind both"} | behind)
    return [*cells, *summary]
