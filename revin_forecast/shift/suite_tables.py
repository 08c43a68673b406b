"""Run a benchmark suite from Python and return its tables."""

import warnings
from pathlib import Path

import pandas as pd

from revin_forecast.shift.benchmark import ExecutionSettings, make_jobs, measure_jobs
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
        errors of the models over all data sets. A warning names the number of failed cells.

    Raises:
        InputError: a data set that can't be read, or a model that can't be built.
    """
    data_folder = None if data_dir is None else str(data_dir)
    check_suite(suite, data_folder)
    engine: Engine = make_engine("inline") if workers is None else make_engine("local", workers)
    execution = ExecutionSettings(str(folder), data_folder, timeout, retry, windows=windows)
    jobs = make_jobs(suite, execution)
    # The cost of a run is not estimated: that would execute the user's models in this process.
    tables = measure_jobs(jobs, execution, engine, lambda event: None, {}).tables
    failed = tables["cells"].loc[tables["cells"].status == "failed"]
    if len(failed):
        warnings.warn(
            f"{len(failed)} of {len(tables['cells'])} cells failed, the first with "
            f"{failed.error.iloc[0]!r}. They are in no other table; see the table cells, "
            "and repeat them with retry=True.",
            stacklevel=2,
        )
    return tables
