"""Pairs of normalizers, each turned so that it says: against no normalizer."""

import pandas as pd

from revin_forecast.report.benchmark.reading import BASELINE, Frame


def ratios_to_baseline(pairs: Frame) -> Frame:
    """Return the pairs one side of which is `TWIN`, as log(E/E_twin); below 0 is less error.

    Columns: normalizer, backbone, column, dataset, log_ratio, lo, hi.
    """
    second = pairs[pairs["normalizer_b"] == BASELINE].rename(columns={"normalizer_a": "normalizer"})
    first = pairs[pairs["normalizer_a"] == BASELINE].rename(columns={"normalizer_b": "normalizer"})
    turned = first.assign(log_ratio=-first["log_ratio"], lo=-first["hi"], hi=-first["lo"])
    kept = ["normalizer", "backbone", "column", "dataset", "log_ratio", "lo", "hi"]
    both: Frame = pd.concat([second[kept], turned[kept]], ignore_index=True)
    both = both[(both["normalizer"] != BASELINE) & both["log_ratio"].notna()]
    return both.drop_duplicates(kept[:4])
