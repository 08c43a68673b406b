"""Run a benchmark suite from Python and return its tables."""

import warnings
from pathlib import Path

import pandas as pd

from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs, measure_jobs
from revin_forecast.shift.runner.cost_estimate import estimate_costs
from revin_forecast.shift.runner.failures import group_failures
from revin_forecast.shift.suite.check_suite import check_suite
from revin_forecast.shift.suite.suite import Suite
from revin_forecast.utils.parallel import Engine, make_engine


def run_benchmark(
    suite: Suite,
    folder: str | Path = "shift-benchmark",
    *,
    workers: int | None = None,
    data_dir: str | Path | None = None,
    timeout: float = 600.0,
    retry: bool = False,
    windows: bool = False,
) -> dict[str, pd.DataFrame]:
    """Measure the models of a suite under all its shifts, and return the tables.

    As with the command `revin-forecast benchmark`, results are kept in the folder: an interrupted
    benchmark goes on where it was, and nothing is measured twice. The tables are written there, too
    (Parquet).

    Args:
        suite: the suite, from `read_suite`.
        folder: folder for results and tables.
        workers: number of worker processes, one thread each. A model that hangs or kills its
            process then costs its own cells only; classes must be importable, and a script needs
            `if __name__ == "__main__":`. None: everything in this process, classes of a notebook
            included.
        data_dir: folder of the catalogued data sets.
        timeout: longest time of one training or one cell, in seconds; for workers.
        retry: whether to repeat failed trainings and cells.
        windows: whether to write the error of each window of each cell, too.

    Returns:
        The tables by name. `cells` has one row for each model, data set, shift and severity, with
        its error `mase_pb` (MASE* of the pulled-back forecast) and its status; `headline` has the
        errors of the models over all data sets. A warning has the number of failed cells and the
        most frequent reason.

    Raises:
        InputError: a data set that can't be read, or a model that can't be built.
    """
    data_folder = None if data_dir is None else str(data_dir)
    check_suite(suite, data_folder)
    execution = ExecutionSettings(str(folder), data_folder, timeout, retry, windows=windows)
    jobs = make_jobs(suite, execution)
    # Only our own models are timed: a user's code runs in workers, if there are any.
    costs = {} if workers is None else estimate_costs([job.run for job in jobs])
    engine: Engine = make_engine("inline") if workers is None else make_engine("local", workers)
    tables = measure_jobs(jobs, execution, engine, lambda event: None, costs).tables
    failures = group_failures(tables["cells"])
    if failures:
        count = sum(group.cells for group in failures)
        warnings.warn(
            f"{count} of {len(tables['cells'])} cells failed: {failures[0]}. See the table cells, "
            "and repeat them with retry=True.",
            stacklevel=2,
        )
    return tables
