"""Which seasons and lengths the batches of a training have."""

from numpy.random import Generator

SEASON_WEIGHTS = {
    1: 20, 12: 22, 4: 14, 7: 10, 52: 7, 24: 8, 168: 6, 48: 2, 365: 2, 5: 3, 96: 1.5, 6: 1, 13: 1,
    366: 0.5, 30: 1, 336: 1.5, 26: 1, 8: 0.5, 10: 0.5, 288: 0.5,
}  # fmt: skip
"""Weights of the seasons given to the forecaster."""
COMMON_ROWS = ((64, 0.15), (128, 0.25), (200, 0.3), (320, 0.3))
"""Most rows of a batch and their shares."""
MAX_ROWS = 1100
MIN_CYCLES = 3
"""Cycles of the season that the longest series of a batch have, as far as `MAX_ROWS` allows."""


def draw_batch_shape(rng: Generator) -> tuple[int, int]:
    """Return the season of a batch and its most rows: at least three cycles, at most 1,100 rows."""
    seasons, weights = zip(*SEASON_WEIGHTS.items(), strict=True)
    season = seasons[_draw_number(rng, weights)]
    lengths, shares = zip(*COMMON_ROWS, strict=True)
    rows = lengths[_draw_number(rng, shares)]
    return season, min(max(rows, MIN_CYCLES * season), MAX_ROWS)


def _draw_number(rng: Generator, weights) -> int:
    total = sum(weights)
    return int(rng.choice(len(weights), p=[weight / total for weight in weights]))
