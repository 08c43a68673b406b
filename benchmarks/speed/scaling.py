"""How cost grows with rows, channels, look-back, horizon and series: fitted exponents."""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from plotly import graph_objects
from plotly.subplots import make_subplots

from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.speed.workloads import Growth, bare_reading, growths
from revin_forecast.parallel.worker import ENVIRONMENT_VARIABLES
from revin_forecast.reports.line_chart import STYLES

TEXT = """
# How cost grows

Core seconds (of all threads; one for torch; memory is kept between arrays, as in the package's
workers) of each kind of work at sizes that double, the median of {rounds} rounds; `exponent` is the
slope of log(seconds) over log(size) by least squares over the {fitted} largest sizes, `order` what
theory gives for large ones, `above` says where the exponent is more than {slack} above it. Smaller
exponents are fixed costs that still count. Unless they grow:
Ridge fit 12,000 rows x 4 channels, 96 -> 24; a training epoch of Linear with RevIN in the package's
loop 1,500 x 7, 96 -> 24; prediction of every window 6,000 x 7; a cell of the shift benchmark with
its clean forecasts 3,000 x 7; along look-back and horizon the number of windows stays. The normal
equations of a look-back are factored, hence its cube. `series` are those of a long table of 300
days: fitted and forecast by `Forecaster` as a user does, or read as CSV. `of pyarrow` is the time
at the largest size over that of `pyarrow.csv.read_csv`, in the same run, which finds no time step,
checks nothing and leaves the numbers in columns. Repeat with

    python -m benchmarks.speed.scaling
"""
FITTED = 4
SLACK = 0.15


def core_seconds(growth: Growth, size: int, rounds: int) -> float:
    """Return the median core seconds of the work of a size."""
    work = growth.make(size)
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of log(seconds) over log(size) over the largest sizes."""
    logs = np.log(sizes[-FITTED:]), np.log(seconds[-FITTED:])
    return float(np.polyfit(*logs, 1)[0])


def row(growth: Growth, rounds: int) -> dict[str, Any]:
    """Measure one kind of work along one dimension."""
    seconds = [core_seconds(growth, size, rounds) for size in growth.sizes]
    found = exponent(growth.sizes, seconds)
    ratio = None
    if growth.work == "CSV reading":
        bare = replace(growth, make=partial(bare_reading, growth.dimension))
        ratio = seconds[-1] / core_seconds(bare, growth.sizes[-1], rounds)
    cells = {
        "work": growth.work,
        "dimension": growth.dimension,
        "sizes": " ".join(str(size) for size in growth.sizes),
        "seconds": " ".join(f"{one:.3g}" for one in seconds),
        "exponent": found,
        "order": growth.order,
        "above": "above" if found > growth.order + SLACK else "",
        "of pyarrow": ratio,
    }
    return cells


def figure(rows: Sequence[dict[str, Any]]) -> graph_objects.Figure:
    """Draw seconds over size, each work in a panel, all sizes as multiples of the smallest."""
    works = list(dict.fromkeys(row["work"] for row in rows))
    dimensions = list(dict.fromkeys(row["dimension"] for row in rows))
    drawn = make_subplots(rows=1, cols=len(works), subplot_titles=works)
    shown: set[str] = set()
    for one in rows:
        sizes = np.array([int(size) for size in one["sizes"].split()])
        name = one["dimension"]
        line = graph_objects.Scatter(
            x=sizes / sizes[0],
            y=[float(second) for second in one["seconds"].split()],
            name=name.replace("lookback", "look-back"),
            legendgroup=name,
            showlegend=name not in shown,
            mode="lines+markers",
            line=STYLES[1 + dimensions.index(name)],
        )
        shown.add(name)
        drawn.add_trace(line, row=1, col=1 + works.index(one["work"]))
    drawn.update_xaxes(type="log", dtick=np.log10(2), title="times the smallest size")
    drawn.update_yaxes(type="log")
    drawn.update_yaxes(title="core seconds", col=1)
    drawn.update_layout(template="plotly_white", width=1400, height=420)
    return drawn


@measurement(
    "scaling",
    quick="small sizes, once",
    options={
        "--rounds": {"type": int, "default": 3},
        "--works": {"nargs": "+", "help": "only these, such as 'CSV reading'"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    if (
        not ENVIRONMENT_VARIABLES.items() <= os.environ.items()
    ):  # memory is kept from one array to the next
        command = [sys.executable, "-m", "benchmarks.speed.scaling", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | ENVIRONMENT_VARIABLES)
    torch.set_num_threads(1)
    doublings, share, rounds = (1, 8, 1) if options.quick else (4, 1, options.rounds)
    page.text = TEXT.format(rounds=rounds, fitted=FITTED, slack=SLACK)
    for growth in growths(doublings, share):
        if growth.work in (options.works or [growth.work]):
            page.add(row(growth, rounds))


if __name__ == "__main__":
    main()
