from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import NOTHING, pooled
from revin_forecast.shift.aggregates.headline import twins
from revin_forecast.shift.aggregates.panel import UNCHANGED, Panel
from revin_forecast.shift.aggregates.tables import groups, kept

SHIFT = ["semantics", "placement", "shift", "arm"]
NAIVE = "SeasonalNaive"
NOTICED = 1e-4
"""Share of its error that a shift must cost the twin; less may be rounding."""
Places = list[np.ndarray]
"""For each panel, which specs."""
NCE = [
    *("backbone", "normalizer", *SHIFT, "nce", "lo", "hi", "nce_naive", "relative"),
    *("n", "n_failed"),
]
MCE = ["backbone", "normalizer", "semantics", "placement", "mce", "n_shifts"]


def nce(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error under each shift in units of its twin's, the normalized error.

    nce = exp of the mean of log(E / E_twin) over severities, ages and seeds, then over data sets;
    the twin is the same backbone and seed without a normalizer: below 1 the normalizer helps
    (Hendrycks & Dietterich, ICLR 2019, with means of logarithms instead of ratios of sums).
    nce_naive has SeasonalNaive in the twin's place. relative compares what the shift adds: the mean
    of E - E_0 over that of the twin, NaN unless the shift costs the twin something. Models that are
    references have no twin. n counts the cells.
    """
    shifts, rows = _shifts(panels), []
    for number in range(len(panels[0].models) if panels else 0):
        for names, places in shifts:
            model = panels[0].models[number]
            shift = (model.backbone, model.normalizer, *names)
            figures = _normalized(panels, number, places)
            rows.append(dict(zip(NCE, shift + figures, strict=True)))
    return pd.DataFrame(rows, columns=NCE)


def mce(errors: pd.DataFrame) -> pd.DataFrame:
    """Return the geometric mean of `nce` over arms, then over shifts; placements stay apart.

    Over those shifts that every model of the placement has, models without any apart; n_shifts
    counts them.
    """
    rows = []
    for (semantics, placement), part in groups(errors, ["semantics", "placement"]):
        # Arms are of one shift: three of them shall not weigh three times.
        logs = np.log(part.set_index(["backbone", "normalizer", "shift", "arm"]).nce)
        wide = logs.unstack(["shift", "arm"]).dropna(how="all").dropna(axis=1)
        means = wide.T.groupby(level="shift").mean()
        rows += [
            (*model, semantics, placement, float(np.exp(means[model].mean())), len(means))
            for model in sorted(wide.index)
            if len(means)
        ]
    return pd.DataFrame(rows, columns=MCE).sort_values(MCE[:4], ignore_index=True)


def _shifts(panels: Sequence[Panel]) -> list[tuple[tuple[str, ...], Places]]:
    """Return each shift and arm by placement, and where its specs are in each panel."""
    found: dict[tuple[str, ...], Places] = {}
    for number, panel in enumerate(panels):
        specs = panel.specs
        moved = ~specs.placement.isin(UNCHANGED) & (specs.severity > 0)
        for names, part in groups(kept(specs, moved), SHIFT):
            nowhere = [np.zeros(len(one.specs), dtype=bool) for one in panels]
            found.setdefault(names, nowhere)[number][part.index] = True
    return sorted(found.items())


def _normalized(panels: Sequence[Panel], number: int, places: Places) -> tuple[Any, ...]:
    models = panels[0].models
    twin = twins(models)[number]
    naive = next((place for place, model in enumerate(models) if model.backbone == NAIVE), None)
    ratios, naive_ratios, added, datasets, count, failed = [], [], [], 0, 0, 0
    for panel, where in zip(panels, places, strict=True):
        failed += int(panel.failed[number][where].sum())
        datasets += bool(len(panel.pick(number, where).rows))
        if naive is not None:
            beside = panel.ratios(panel.pick(number, where, naive))
            naive_ratios += [beside.mean()] if len(beside) else []
        if twin is None:
            continue
        picked = panel.pick(number, where, twin)
        ratio = panel.log_ratio(picked)
        if ratio is not None:
            ratios.append(ratio)
            count += len(picked.rows)
            mine, theirs = panel.added[picked.rows].mean(), panel.added[picked.others].mean()
            added.append((mine, theirs, panel.errors[picked.others].mean()))
    # A mean over some of the data sets would stand beside one over all of them.
    summary = pooled(ratios).exp() if len(ratios) == datasets else NOTHING
    mine, theirs, error = np.mean(added, axis=0) if added else (np.nan,) * 3
    against_naive = float(np.exp(np.mean(naive_ratios))) if naive_ratios else np.nan
    relative = float(mine / theirs) if theirs > NOTICED * error else np.nan
    return (*summary, against_naive, relative, count, failed)
