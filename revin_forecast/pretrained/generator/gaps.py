"""Missing values in the past of a series."""

import numpy as np
from jaxtyping import Bool
from numpy.random import Generator

from revin_forecast.pretrained.generator.span import Span, draw_log_uniform

GAP_SHARE = 0.12
"""Share of the series with gaps."""
END_SHARE = 0.15
"""Share of the series with gaps whose last one to three rows are missing too."""
MIN_OBSERVED = 5
"""Series that would keep fewer values than this have no gaps."""


def draw_gaps(rng: Generator, span: Span) -> Bool[np.ndarray, "steps series"]:
    """Return whether each step of the past is missing: single rows, runs and rows at the end.

    Single rows are missing with a chance of .5 to 20 %; up to three runs have 2 to 20 rows, at most
    a quarter of the series each.
    """
    step = np.arange(span.steps)[:, None]
    chance = draw_log_uniform(rng, 0.005, 0.2, span.series) * (rng.random(span.series) < 0.7)
    missing = rng.random((span.steps, span.series)) < chance
    for number in range(3):
        first = (span.lengths * rng.random(span.series)).astype(int)
        run = np.minimum(draw_log_uniform(rng, 2, 20, span.series), span.lengths / 4)
        missing |= (step >= first) & (step < first + run) & (rng.random(span.series) < 0.4**number)
    at_end = rng.random(span.series) < END_SHARE
    missing |= (step >= span.lengths - rng.integers(1, 4, span.series)) & at_end
    missing &= span.mark_past()
    kept = (span.mark_past() & ~missing).sum(0)
    return missing & (kept >= MIN_OBSERVED)
