"""Growth of cost with rows, channels, look-back, horizon and series, as fitted exponents."""

import os
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from plotly import graph_objects
from plotly.subplots import make_subplots

from benchmarks.evidence import EvidencePage, Options, Row, measurement
from benchmarks.speed.workloads import Workload, list_workloads, prepare_pyarrow_reading
from revin_forecast.reports.line_chart import STYLES
from revin_forecast.utils.parallel.worker import ENVIRONMENT_VARIABLES

TEXT = """
# How cost grows

Core seconds of each kind of work at sizes that double: of all threads (torch has one), with freed
memory kept for the next array, as in the package's workers; the median of {rounds} rounds.
`exponent` is the slope of log(seconds) over log(size), by least squares over the {fitted} largest
sizes. `order` is the exponent that theory gives for large sizes, and `above` marks exponents more
than {slack} above it. Exponents are smaller where fixed costs still count. The sizes that do not
grow are: Ridge fit 12,000 rows x 4 channels, 96 -> 24; a training epoch of Linear with RevIN in the
package's loop 1,500 x 7, 96 -> 24; prediction of every window 6,000 x 7; a cell of the shift
benchmark with its clean forecasts 3,000 x 7. The number of windows is the same for all look-backs
and horizons. The normal equations of a look-back are factored, hence its cube. `series` are those
of a long table of 300 days: fitted and forecast by `Forecaster` as a user does, or read as CSV. `of
pyarrow` is the time at the largest size over that of `pyarrow.csv.read_csv` in the same run, which
detects no time step, checks nothing and leaves the numbers in columns. Repeat with

    python -m benchmarks.speed.scaling
"""
FITTED_SIZES = 4
SLACK = 0.15


@measurement(
    "scaling",
    quick="small sizes, once",
    options={
        "--rounds": {"type": int, "default": 3},
        "--works": {"nargs": "+", "help": "only these, such as 'CSV reading'"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Measure each kind of work along each of its dimensions."""
    if not ENVIRONMENT_VARIABLES.items() <= os.environ.items():
        # The allocator reads them when a process starts, so the program starts again with them.
        command = [sys.executable, "-m", "benchmarks.speed.scaling", *sys.argv[1:]]
        os.execve(sys.executable, command, os.environ | ENVIRONMENT_VARIABLES)
    torch.set_num_threads(1)
    doublings, divisor, rounds = (1, 8, 1) if options.quick else (4, 1, options.rounds)
    page.text = TEXT.format(rounds=rounds, fitted=FITTED_SIZES, slack=SLACK)
    for workload in list_workloads(doublings, divisor):
        if workload.work in (options.works or [workload.work]):
            page.add(measure_growth(workload, rounds))


def measure_growth(workload: Workload, rounds: int) -> Row:
    """Measure one kind of work along one dimension."""
    seconds = [measure_core_seconds(workload, size, rounds) for size in workload.sizes]
    exponent = fit_exponent(workload.sizes, seconds)
    ratio = None
    if workload.work == "CSV reading":
        pyarrow = replace(workload, prepare=partial(prepare_pyarrow_reading, workload.dimension))
        ratio = seconds[-1] / measure_core_seconds(pyarrow, workload.sizes[-1], rounds)
    return {
        "work": workload.work,
        "dimension": workload.dimension,
        "sizes": " ".join(str(size) for size in workload.sizes),
        "seconds": " ".join(f"{second:.3g}" for second in seconds),
        "exponent": exponent,
        "order": workload.order,
        "above": "above" if exponent > workload.order + SLACK else "",
        "of pyarrow": ratio,
    }


def measure_core_seconds(workload: Workload, size: int, rounds: int) -> float:
    """Return the median core seconds of the work at one size."""
    run = workload.prepare(size)
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds)


def fit_exponent(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Return the slope of log(seconds) over log(size) over the largest sizes."""
    logs = np.log(sizes[-FITTED_SIZES:]), np.log(seconds[-FITTED_SIZES:])
    return float(np.polyfit(*logs, 1)[0])


def draw_growth(rows: Sequence[Row]) -> graph_objects.Figure:
    """Draw seconds over size, one panel for each work, sizes as multiples of the smallest."""
    works = list(dict.fromkeys(row["work"] for row in rows))
    dimensions = list(dict.fromkeys(row["dimension"] for row in rows))
    figure = make_subplots(rows=1, cols=len(works), subplot_titles=works)
    in_legend: set[str] = set()
    for row in rows:
        sizes = np.array([int(size) for size in row["sizes"].split()])
        dimension = row["dimension"]
        line = graph_objects.Scatter(
            x=sizes / sizes[0],
            y=[float(second) for second in row["seconds"].split()],
            name=dimension.replace("lookback", "look-back"),
            legendgroup=dimension,
            showlegend=dimension not in in_legend,
            mode="lines+markers",
            line=STYLES[1 + dimensions.index(dimension)],
        )
        in_legend.add(dimension)
        figure.add_trace(line, row=1, col=1 + works.index(row["work"]))
    figure.update_xaxes(type="log", dtick=np.log10(2), title="times the smallest size")
    figure.update_yaxes(type="log")
    figure.update_yaxes(title="core seconds", col=1)
    figure.update_layout(template="plotly_white", width=1400, height=420)
    return figure


if __name__ == "__main__":
    main()
