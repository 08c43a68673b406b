"""The figure of docs/tutorials/forecast_a_csv.md: the forecast of the table that the page makes."""

import contextlib
import io
import re
import tempfile
from pathlib import Path

import pandas as pd

from docs.figures.line_figure import Line, LineFigure, Panel
from revin_forecast import Forecaster

PAGE = Path(__file__).resolve().parents[1] / "tutorials" / "forecast_a_csv.md"
HISTORY_DAYS, HORIZON = 70, 14


def draw_shops() -> LineFigure:
    """Draw the last weeks of both shops and the next two."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        _run_table_block()
        table = pd.read_csv("shops.csv", sep=";", decimal=",")
        forecast = Forecaster(horizon=HORIZON).fit("shops.csv").predict(level=[80])
    panels = []
    for name in ("north", "south"):
        history = table[name].tail(HISTORY_DAYS).tolist()
        lines = [Line("litres sold", history, start=1 - HISTORY_DAYS, width=1.5)]
        for label, column, width in (
            ("forecast", name, 3.0),
            ("80 % interval, from", f"{name}-lo-80", 1.0),
            ("to", f"{name}-hi-80", 1.0),
        ):
            lines.append(Line(label, forecast[column].tolist(), "blue", 1, width=width))
        panels.append(Panel(name, lines, "days from the last row"))
    return LineFigure(panels, height=310)


def _run_table_block() -> None:
    """Run the first block of the page, which writes shops.csv."""
    block = re.search(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert block is not None, f"{PAGE.name} has no block of Python"
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(block[1], PAGE.name, "exec"), {})
