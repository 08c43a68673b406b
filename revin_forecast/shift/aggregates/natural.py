from collections.abc import Sequence

import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.estimates import pooled
from revin_forecast.shift.aggregates.panel import Panel
from revin_forecast.shift.aggregates.tables import groups, kept

COLUMNS = ["backbone", "normalizer", "shift", "decile", "displacement", "mase", "lo", "hi"]


def natural(panels: Sequence[Panel]) -> pd.DataFrame:
    """Return each model's error by deciles of how far real windows lie from the training part.

    Nothing is perturbed here. mase is the geometric mean over data sets, displacement their mean.
    """
    keys = [_deciles(panel) for panel in panels]
    rows = []
    for number in range(len(panels[0].models) if panels else 0):
        for key in sorted(set().union(*keys)):
            errors, moved = [], []
            for panel, places in zip(panels, keys, strict=True):
                if key not in places:
                    continue
                picked = panel.pick(number, places[key])
                if len(picked.rows):
                    errors.append(panel.log_mean(picked))
                    moved.append(panel.table.displacement.to_numpy()[picked.rows].mean())
            if errors:
                model = panels[0].models[number]
                names = (model.backbone, model.normalizer, *key, float(np.mean(moved)))
                rows.append((*names, *pooled(errors).exp()))
    return pd.DataFrame(rows, columns=COLUMNS)


def _deciles(panel: Panel) -> dict[tuple[str, int], np.ndarray]:
    specs = kept(panel.specs, panel.specs.placement == "natural")
    found = {}
    for (shift, decile), part in groups(specs, ["shift", "severity"]):
        where = np.zeros(len(panel.specs), dtype=bool)
        where[part.index] = True
        found[shift, int(decile)] = where
    return found
