"""The figure of docs/guides/explain.md: weights and contributions of the lags of one map."""

from pathlib import Path

import numpy as np
import pandas as pd

from docs.figures.line_figure import Line, LineFigure, Panel
from revin_forecast import Forecaster, Ridge

TABLE = Path(__file__).resolve().parents[2] / "datasets" / "co2_weekly.csv"
LOOKBACK, HORIZON = 104, 8


def draw_contributions() -> LineFigure:
    """Draw the weights of two years of weeks, and their contributions to the last step."""
    forecaster = Forecaster(HORIZON, LOOKBACK, Ridge).fit(TABLE)
    parts = forecaster.explain(steps=HORIZON)
    lags = parts.loc[parts["source"] == "lag"]
    panels = []
    for column, title in (("weight", "weight"), ("contribution", "contribution, ppm")):
        values = _fill_lags(lags, column)
        line = Line("each lag", values.tolist(), "blue", start=1 - LOOKBACK, width=2.0)
        zero = Line("zero", [0.0] * LOOKBACK, start=1 - LOOKBACK, width=1.0)
        panels.append(Panel(title, [zero, line], "weeks from the last row"))
    return LineFigure(panels, height=310)


def _fill_lags(lags: pd.DataFrame, column: str) -> np.ndarray:
    """Return (lookback,) values of a column by lag, 0 where a lag has no weight."""
    values = np.zeros(LOOKBACK)
    values[LOOKBACK - lags["lag"].to_numpy(int)] = lags[column].to_numpy(float)
    return values
