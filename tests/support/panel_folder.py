"""A folder with a small panel, in the files and columns of the development panel."""

import numpy as np
import pandas as pd

COLUMNS = ["unique_id", "family", "frequency", "season", "horizon", "rows"]


def write_panel(folder, series):
    """Write series that grow and have seasons into the folder `panel` of a folder; return this.

    Args:
        folder: folder of data.
        series: tuples of name, family, pandas frequency, season, horizon and rows.
    """
    tables = []
    for place, (name, _, step, season, _, rows) in enumerate(series):
        time = np.arange(rows)
        noise = np.random.default_rng(place).normal(size=rows)
        values = 50 + 0.5 * time + 5 * np.sin(2 * np.pi * time / max(season, 2)) + noise
        dates = pd.date_range("2000-01-01", periods=rows, freq=step)
        tables.append(pd.DataFrame({"unique_id": name, "ds": dates, "y": values}))
    panel = folder / "panel"
    panel.mkdir(parents=True)
    pd.DataFrame(series, columns=COLUMNS).to_csv(panel / "panel.csv", index=False)
    pd.concat(tables).to_parquet(panel / "panel.parquet")
    return folder
