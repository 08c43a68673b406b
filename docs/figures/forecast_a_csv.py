"""The forecast that docs/tutorials/forecast_a_csv.md comes to, of the table that the page makes."""

import contextlib
import io
import re
import tempfile
from pathlib import Path

import pandas as pd

from docs.figures.line_picture import Line, Panel, Picture
from revin_forecast import Forecaster

PAGE = Path(__file__).resolve().parents[1] / "tutorials" / "forecast_a_csv.md"
HISTORY, HORIZON = 70, 14


def shops() -> Picture:
    """Draw the last weeks of both shops and the next two."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        _make_table()
        table = pd.read_csv("shops.csv", sep=";", decimal=",")
        forecast = Forecaster(horizon=HORIZON).fit("shops.csv").predict(level=[80])
    panels = []
    for name in ("north", "south"):
        known = table[name].tail(HISTORY).tolist()
        lines = [Line("litres sold", known, start=1 - HISTORY, width=1.5)]
        for label, column, width in (
            ("forecast", name, 3.0),
            ("80 % interval, from", f"{name}-lo-80", 1.0),
            ("to", f"{name}-hi-80", 1.0),
        ):
            lines.append(Line(label, forecast[column].tolist(), "blue", 1, width=width))
        panels.append(Panel(name, lines, "days from the last row"))
    return Picture(panels, height=310)


def _make_table() -> None:
    """Run the block of the page that writes shops.csv."""
    block = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert block is not None, f"{PAGE.name} has no block of Python"
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(block[1], PAGE.name, "exec"), {})
