"""Prediction intervals under shifts: coverage, width and quantile loss of each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from jaxtyping import Bool, Float

from revin_forecast.shift.aggregates.estimates import (
    NO_ESTIMATE,
    Estimate,
    PooledEstimate,
    mean_over_cells,
    pool_estimates,
)
from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS, twin_indices
from revin_forecast.shift.aggregates.panel import MODEL_COLUMNS, CellPairs, Panel
from revin_forecast.shift.measuring.interval_scores import OWN_PREFIX
from revin_forecast.shift.statistics import bootstrap_means

BlockScores = Mapping[str, Mapping[str, np.ndarray]]
"""(blocks,) means over blocks of windows by metric, by cell_key."""
PREFIXES = {"conformal": "", "own": OWN_PREFIX}
"""Beginnings of the names of scores, by source: conformal, or the model's own quantiles."""
COVERAGES = ("coverage_80", "coverage_95")
RESAMPLES = 200
"""Draws of the blocks: fewer than those of the errors, as there are more scores."""
INTERVAL_COLUMNS = [
    *MODEL_COLUMNS,
    "source",
    "column",
    *(name + end for name in COVERAGES for end in ("", "_lo", "_hi")),
    *("width_80", "wql", "against_twin", "twin_lo", "twin_hi", "n_datasets"),
]


def interval_scores(panels: Sequence[Panel], blocks: BlockScores) -> pd.DataFrame:
    """Return the scores of each model's intervals in each column of the headline.

    Coverages are means over cells and data sets. Widths and quantile losses (`wql`) are geometric
    means, like errors, over the cells in which they are known: not in those whose shift has an
    inverse other than gain and offset. against_twin is the mean of log(wql / wql of the twin).

    A model that lacks a cell which another model has done has no figures in that column.

    Args:
        panels: the cells by data set.
        blocks: block means of the scores; without them there are no intervals.
    """
    models = panels[0].models if panels else ()
    twins, rows = twin_indices(models), []
    for source, prefix in PREFIXES.items():
        scores = [PanelScores(panel, blocks, prefix) for panel in panels]
        for number, model in enumerate(models):
            for column in PLACEMENTS:
                figures = _row_figures(scores, number, twins[number], column)
                if figures is not None:
                    rows.append((*model, source, column, *figures))
    return pd.DataFrame(rows, columns=INTERVAL_COLUMNS)


def _row_figures(
    scores: Sequence["PanelScores"], number: int, twin: int | None, column: str
) -> tuple[float | int, ...] | None:
    """Return the figures of a model in a column; None if it has no such intervals."""
    masks = [score.panel.placement_mask(column) for score in scores]
    used = [pair for pair in zip(scores, masks, strict=True) if pair[0].panel.has_cells(pair[1])]
    pairs = [(score, score.panel.pair(number, mask)) for score, mask in used]
    covered = [
        pool_estimates([score.mean(name, cells) for score, cells in pairs]) for name in COVERAGES
    ]
    if not np.isfinite(covered[0].value):
        return None
    sizes = [
        pool_estimates([score.log_mean(name, cells) for score, cells in pairs]).exp().value
        for name in ("width_80", "wql")
    ]
    ratio: PooledEstimate = NO_ESTIMATE
    if twin is not None:
        ratio = pool_estimates([score.log_ratio(number, twin, mask) for score, mask in used])
    return (*covered[0], *covered[1], *sizes, *ratio, len(used))


@dataclass(frozen=True, eq=False)
class PanelScores:
    """Interval scores of one data set's cells, with draws of their blocks."""

    panel: Panel
    blocks: BlockScores
    prefix: str
    """Beginning of the names of the scores."""

    def mean(self, name: str, pairs: CellPairs) -> Estimate | None:
        """Return the mean of a score over cells; None if it is unknown in one of them."""
        values = self._values(name)[pairs.rows]
        if not len(values) or not np.isfinite(values).all():
            return None
        draws = mean_over_cells(self._draws[name][pairs.rows], pairs.seeds, self.panel.seed)
        return Estimate(float(values.mean()), draws)

    def log_mean(self, name: str, pairs: CellPairs) -> Estimate | None:
        """Return the mean of a score's logarithm over the cells in which it is known."""
        logs = self._logs(name)[pairs.rows]
        known = np.isfinite(logs)
        if not known.any():
            return None
        return Estimate(float(logs[known].mean()), np.full(RESAMPLES, np.nan))

    def log_ratio(
        self, number: int, twin: int, mask: Bool[np.ndarray, " conditions"]
    ) -> Estimate | None:
        """Return the mean of log(wql / wql of the twin) over the cells in which it is known."""
        pairs = self.panel.pair(number, mask, twin)
        logs = self._logs("wql")[pairs.rows] - self._logs("wql")[pairs.other_rows]
        known = np.isfinite(logs)
        if not known.any():
            return None
        log_draws = np.log(self._draws["wql"])
        draws = log_draws[pairs.rows[known]] - log_draws[pairs.other_rows[known]]
        draws = mean_over_cells(draws, pairs.seeds[known], self.panel.seed)
        return Estimate(float(logs[known].mean()), draws)

    def _values(self, name: str) -> Float[np.ndarray, " cells"]:
        table, column = self.panel.table, self.prefix + name
        if column not in table:
            return np.full(len(table), np.nan)
        return table[column].to_numpy(float)

    def _logs(self, name: str) -> Float[np.ndarray, " cells"]:
        values = self._values(name)
        return np.log(values, where=values > 0, out=np.full(len(values), np.nan))

    @cached_property
    def _draws(self) -> dict[str, Float[np.ndarray, "cells resamples"]]:
        """Draws of each cell's scores, by name."""
        return {name: self._draw_means(name) for name in (*COVERAGES, "wql")}

    def _draw_means(self, name: str) -> Float[np.ndarray, "cells resamples"]:
        keys, metric = self.panel.table.cell_key.to_numpy(), self.prefix + name
        values = [self.blocks.get(key, {}).get(metric, np.zeros(0)) for key in keys]
        draws = np.full((len(keys), RESAMPLES), np.nan, dtype=np.float32)
        # Cells with equally many blocks are resampled alike, those of all models among them.
        sizes = np.array([len(means) for means in values])
        for size in np.unique(sizes[sizes > 1]):
            rows = np.flatnonzero(sizes == size)
            stacked = np.stack([values[row] for row in rows]).astype(np.float64)
            draws[rows] = bootstrap_means(stacked, 1, RESAMPLES, self.panel.seed)
        # A cell with too few windows for two blocks adds nothing to the width.
        if (sizes > 1).any():
            short = np.flatnonzero(sizes < 2)
            draws[short] = self._values(name)[short, None]
        return draws
