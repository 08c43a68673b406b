"""The input tables of the report and their error curves."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.reports.benchmark.input_tables import (
    dataset_errors,
    error_curves,
    ratios_to_baseline,
)
from tests.support.benchmark_tables import DATA_SETS


def test_bands_narrow_with_the_root_of_the_dataset_count(tables):
    cells = tables["cells"]
    cells = cells[(cells["shift"].isin(["level", "none"])) & (cells.backbone == "Ridge")]
    cells = cells[cells.placement.isin(["clean", "steady"])]
    errors = dataset_errors(cells)
    single = errors[errors.dataset == DATA_SETS[0]]
    copies = pd.concat([single.assign(dataset=str(number)) for number in range(4)])

    def band_width(rows):
        steady = rows[rows.placement == "steady"]
        points = error_curves(steady, rows[rows.placement == "clean"], "severity")
        last = points[(points.line == "RevIN") & (points.severity == 5)].iloc[0]
        return np.log(last.hi / last.mase)

    assert band_width(copies) == pytest.approx(band_width(single) / 2)


def test_ratios_to_baseline_accept_either_order():
    row = {"backbone": "Ridge", "column": "clean", "dataset": "a"}
    pairs = pd.DataFrame(
        [
            {**row, "normalizer_a": "RevIN", "normalizer_b": "Identity", "log_ratio": -0.2}
            | {"lo": -0.3, "hi": -0.1},
            {**row, "normalizer_a": "Identity", "normalizer_b": "SAN", "log_ratio": 0.5}
            | {"lo": 0.4, "hi": 0.7},
            {**row, "normalizer_a": "RevIN", "normalizer_b": "SAN", "log_ratio": 9}
            | {"lo": 9, "hi": 9},
        ]
    )
    ratios = ratios_to_baseline(pairs).set_index("normalizer")
    assert list(ratios.index) == ["RevIN", "SAN"]
    assert ratios.loc["SAN", ["log_ratio", "lo", "hi"]].to_list() == [-0.5, -0.7, -0.4]
