import numpy as np
import pandas as pd

from revin_forecast.shift.aggregates.tables import select_rows

EFFECTIVE_COLUMNS = ["backbone", "normalizer", "column", "effective"]
MIN_MODELS = 6
"""A line through fewer would be bent by each."""


def effective_robustness(table: pd.DataFrame) -> pd.DataFrame:
    """Return how far each model's shifted error lies off what its clean error lets expect.

    (Effective robustness; Taori et al., NeurIPS 2020.) The residual of log E_s from the line over
    log E_0 through the models without a normalizer: below 0 a model does better than they do at
    its clean error. Empty unless there are six of those with different clean errors.

    Args:
        table: the headline; models without a result on every data set are left out.
    """
    whole = table.n_datasets == table.groupby("column").n_datasets.transform("max")
    models = select_rows(table, (table.role == "model") & (table.mase > 0) & whole)
    wide = models.pivot(index=["backbone", "normalizer"], columns="column", values="mase")
    rows = []
    for column in ("steady", "transition", "observation"):
        both = wide.reindex(columns=["clean", column]).dropna()
        clean, shifted = np.log(both.to_numpy(np.float64)).T
        plain = np.array([normalizer == "Identity" for _, normalizer in both.index], dtype=bool)
        if plain.sum() < MIN_MODELS or np.ptp(clean[plain]) == 0:
            continue
        slope, level = np.polyfit(clean[plain], shifted[plain], 1)
        residual = shifted - (level + slope * clean)
        rows += [(*model, column, value) for model, value in zip(both.index, residual, strict=True)]
    return pd.DataFrame(rows, columns=EFFECTIVE_COLUMNS)
