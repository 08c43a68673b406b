"""Risk of taking the level away, keeping it and shrinking it, for levels with a known memory.

The level of consecutive windows is simulated as a first-order autoregression with root 1 - c / n
over n levels, so c is the number of the level's memories that the training part holds.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from revin_forecast.normalizers.level_shares import (
    SHRINKAGE,
    compute_dickey_fuller_t,
    estimate_level_shares,
)

REPETITIONS = {30: 100_000, 100: 50_000, 1000: 20_000}
"""Number n of levels in the training part -> simulated paths for each c."""
MEMORIES = (0, 0.5, 1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 30)
"""Values of c."""
BLOCK = 2000
"""Repetitions that are simulated at a time."""
CRITICAL_VALUE = -2.86
"""Asymptotic 5 % point of the Dickey-Fuller t statistic with a constant."""
OTHER_SHRINKAGES = (4.0, 6.0, 16.0)
TEST_SHARE = 0.25
"""Levels of the test part relative to those before it, as in a split 7:1:2."""
NEXT_LEVEL, TEST_PART = "next level", "test part"
MAIN_FORECASTS = ("taken", "kept", "shrunk", "pretest")
TEXT = f"""
# Risk of the level: taken, kept, shrunk

A level follows a first-order autoregression with root 1 - c / n and an unknown mean, over n
consecutive windows without overlap (the training part). So its memory is n / c windows, and c is
the number of memories that the training part holds. The level of a later window is forecast from
the level before it: `taken` repeats that level, as RevIN does; `kept` estimates slope and constant
by least squares; `shrunk` is taken + s (kept - taken) with s = max(0, 1 - k / tau^2) for tau < 0,
k = {SHRINKAGE:g}; `pretest` is kept where tau < {CRITICAL_VALUE}, else taken. tau is the
Dickey-Fuller t statistic of the n levels, and tau and s come from the functions of the package.

The risk is n times the mean squared difference from the conditional mean, in units of the variance
of the shocks. `next level`: the forecast starts at the last training level. `test part`: the mean
over a test part of n / 4 levels that follow, with one estimate, as in a benchmark split. Each risk
is a mean over simulated paths (100,000, 50,000 and 20,000 for 30, 100 and 1,000 levels) with the
same shocks for every c, and the number after +- is its standard error. `exact` is c / (2 - c / n),
the risk of `taken` for a stationary start. `k = ...` are other shrinkages; k = 9 was fixed before
all of them. `share` is the mean of s, and `rejects` the share of paths with tau < {CRITICAL_VALUE}.
`estimate` and `spread` are mean and standard deviation of the least squares estimate of c. A row
with a number in `+- c` is the break-even of taken and kept, interpolated between its neighbours.
See [when to take the level away](../theory/level.md). Repeat with

    python -m benchmarks.accuracy.level_risk
"""


@dataclass(frozen=True)
class Losses:
    """Squared errors of every repetition, times the number of levels, and the estimates' facts."""

    by_forecast: dict[str, Tensor]
    """Name of a forecast -> (repetitions,)."""
    share: Tensor
    """(repetitions,): share of the kept level in the shrunk forecast."""
    rejects: Tensor
    """(repetitions,): whether the pretest rejects a unit root."""
    estimate: Tensor
    """(repetitions,): least squares estimate of c, minus n times the slope."""


def simulate_levels(
    levels: int, later: int, memories: float, repetitions: int, generator: torch.Generator
) -> Tensor:
    """Return autoregressive levels with mean 0, (levels + later, repetitions).

    The start is stationary. With c = 0 it is 0, which no forecast here depends on.

    Args:
        levels: number n of levels in the training part.
        later: number of levels that follow.
        memories: c in the root 1 - c / n.
        repetitions: number of paths.
        generator: source of the shocks; equal states give equal shocks for every c.
    """
    root = 1 - memories / levels
    paths = torch.randn(levels + later, repetitions, generator=generator, dtype=torch.float64)
    paths[0] *= 1 / math.sqrt(1 - root**2) if memories else 0
    for step in range(1, len(paths)):
        paths[step].add_(paths[step - 1], alpha=root)
    return paths


def compute_losses(paths: Tensor, levels: int, memories: float) -> dict[str, Losses]:
    """Return the losses of every forecast, for the next level and over the test part.

    Args:
        paths: result of `simulate_levels`.
        levels: number of levels in the training part.
        memories: c of the paths.
    """
    training = paths[:levels]
    before, change = training[:-1], training.diff(dim=0)
    slope = _covary(before, change) / _covary(before, before)
    constant = change.mean(dim=0) - slope * before.mean(dim=0)
    rejects = compute_dickey_fuller_t(training) < CRITICAL_VALUE
    # A level is its own window mean if a window has one step.
    shares = {"shrunk": estimate_level_shares(training, 1)}
    shares |= {f"k = {k:g}": estimate_level_shares(training, 1, k) for k in OTHER_SHRINKAGES}
    none = torch.zeros_like(slope)
    shares |= {"taken": none, "kept": none + 1, "pretest": rejects.double()}
    losses = {}
    for name, stop in ((NEXT_LEVEL, levels), (TEST_PART, len(paths) - 1)):
        origins = paths[levels - 1 : stop]
        estimated = constant + slope * origins  # kept - taken
        expected = -memories / levels * origins  # conditional mean - taken
        by_forecast = {
            forecast: levels * (share * estimated - expected).square().mean(dim=0)
            for forecast, share in shares.items()
        }
        losses[name] = Losses(by_forecast, shares["shrunk"], rejects, -levels * slope)
    return losses


def compute_exact_risk(memories: float, levels: int) -> float:
    """Return the risk of the taken level, c / (2 - c / n).

    RevIN's error is c / n times the level, whose stationary variance is 1 / (1 - (1 - c / n)^2).
    """
    return memories / (2 - memories / levels)


def estimate_risks(levels: int, memories: float, repetitions: int) -> list[Row]:
    """Return a row for the next level and one for the test part."""
    blocks: dict[str, list[Losses]] = {NEXT_LEVEL: [], TEST_PART: []}
    generator = torch.Generator().manual_seed(levels)
    later = max(1, round(TEST_SHARE * levels))
    for size in _iter_block_sizes(repetitions):
        paths = simulate_levels(levels, later, memories, size, generator)
        for name, losses in compute_losses(paths, levels, memories).items():
            blocks[name].append(losses)
    exact = compute_exact_risk(memories, levels)
    key = {"levels": levels, "c": memories, "+- c": None, "exact": exact}
    return [{"scored": name} | key | _summarize(parts) for name, parts in blocks.items()]


def interpolate_break_even(rows: Sequence[Row]) -> Row:
    """Return the row of the c at which taken and kept have the same risk, with its standard error.

    Args:
        rows: rows of one number of levels and one part, by ascending c.

    Raises:
        ValueError: taken is not better first and worse later.
    """
    gaps = [row["taken"] - row["kept"] for row in rows]
    crossing = [index for index in range(1, len(rows)) if gaps[index - 1] < 0 <= gaps[index]]
    if not crossing:
        raise ValueError("taken and kept have no break-even between these c; pass a wider range.")
    low, high = rows[crossing[0] - 1], rows[crossing[0]]
    width = gaps[crossing[0]] - gaps[crossing[0] - 1]
    weight = -gaps[crossing[0] - 1] / width
    row = {
        name: value + weight * (high[name] - value)
        if isinstance(value, int | float) and isinstance(high[name], int | float)
        else value
        for name, value in low.items()
    }
    row["+- c"] = row["+- gap"] * (high["c"] - low["c"]) / width
    return row | {"levels": low["levels"], "exact": None}


def _iter_block_sizes(repetitions: int) -> Iterator[int]:
    for first in range(0, repetitions, BLOCK):
        yield min(BLOCK, repetitions - first)


def _summarize(blocks: Sequence[Losses]) -> Row:
    """Return means and standard errors over all repetitions."""
    names = blocks[0].by_forecast
    losses = {name: torch.cat([block.by_forecast[name] for block in blocks]) for name in names}
    row: Row = {}
    for name in MAIN_FORECASTS:
        row[name], row[f"+- {name}"] = _mean_and_error(losses[name])
    row["+- gap"] = _mean_and_error(losses["taken"] - losses["kept"])[1]
    row |= {f"k = {k:g}": float(losses[f"k = {k:g}"].mean()) for k in OTHER_SHRINKAGES}
    row["share"] = float(torch.cat([block.share for block in blocks]).mean())
    row["rejects"] = float(torch.cat([block.rejects for block in blocks]).double().mean())
    estimates = torch.cat([block.estimate for block in blocks])
    row["estimate"], row["spread"] = float(estimates.mean()), float(estimates.std())
    return row


def _mean_and_error(losses: Tensor) -> tuple[float, float]:
    return float(losses.mean()), float(losses.std() / math.sqrt(len(losses)))


def _covary(first: Tensor, second: Tensor) -> Tensor:
    """Return the sums of products around the means of each column."""
    return (first * (second - second.mean(dim=0))).sum(dim=0)


@measurement("level_risk", quick="30 levels and 4,000 paths")
def main(options: Options, page: EvidencePage) -> None:
    """Simulate every number of levels and every c."""
    page.text = TEXT
    sizes = {30: 2 * BLOCK} if options.quick else REPETITIONS
    for count, repetitions in sizes.items():
        rows = [row for c in MEMORIES for row in estimate_risks(count, c, repetitions)]
        for part in (NEXT_LEVEL, TEST_PART):
            of_part = [row for row in rows if row["scored"] == part]
            ordered = sorted([*of_part, interpolate_break_even(of_part)], key=lambda row: row["c"])
            for row in ordered:
                page.add({name: cell for name, cell in row.items() if name != "+- gap"})


if __name__ == "__main__":
    main()
