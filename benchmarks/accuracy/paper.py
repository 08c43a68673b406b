from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.backbone_settings import SETTINGS, Setting, Task, component_of, scores_of
from benchmarks.accuracy.planned_row import Cell, Row
from revin_forecast.normalizers import Identity, RevIN, Stationary

TEXT = """
# The RevIN paper's table

Informer, N-BEATS and SCINet, 168 steps ahead, test MSE without and with RevIN beside what the paper
(Kim et al., ICLR 2022, table 1) reports. Ours: all test windows, small sizes for two processor
cores (`benchmarks/accuracy/backbone_settings.py`); look-back 168, SCINet 336, as far as the paper tells.
`JoinedNBEATS` sees all channels as one long series: so the paper's N-BEATS figures are met, while
one network for all channels (`NBEATS`) has little to gain, as it is hardly hurt without RevIN.
`fall` is 1 - with / without. Each is trained as it is with RevIN, so "without" is no tuned rival.
The last but one column is `Stationary` (Liu et al., NeurIPS 2022) around the Informer, whose
attention takes its factors tau and delta; it is to be read against `with`. Repeat with

    python -m benchmarks.accuracy.run --grid paper --data-dir DATA
"""
REPORTED = {
    ("etth1", "Informer"): (1.138, 0.655),
    ("etth1", "NBEATS"): (1.005, 0.466),
    ("etth1", "JoinedNBEATS"): (1.005, 0.466),
    ("etth1", "SCINet"): (0.459, 0.406),
    ("etth2", "Informer"): (8.157, 0.859),
    ("etth2", "NBEATS"): (7.174, 0.410),
    ("etth2", "JoinedNBEATS"): (7.174, 0.410),
    ("etth2", "SCINet"): (0.559, 0.337),
}
HORIZON = 168


def cells(names: list[str], data_dir: str | None, quick: bool, seeds: int) -> Iterator[Cell]:
    """Plan a row for each data set and backbone of the paper's table."""
    for name, backbone in REPORTED:
        if name not in (names or ("etth1", "etth2")):
            continue
        lookback, horizon = 336 if backbone == "SCINet" else 168, HORIZON
        if quick:
            lookback, horizon = 48, 12
        task = Task(name, lookback, horizon, data_dir, quick)
        key: Row = {"data": name, "look-back": lookback, "horizon": horizon, "backbone": backbone}
        yield Cell(key, partial(row, task, backbone, seeds))


def row(task: Task, backbone: str, seeds: int) -> Row:
    """Score one backbone without, with and, where it takes tau and delta, with Stationary."""
    setting = SETTINGS[backbone.removeprefix("Joined")]
    bare, revin, factors = (
        mse(task, backbone, setting, normalizer, seeds)
        for normalizer in (Identity, RevIN, Stationary if backbone == "Informer" else None)
    )
    assert bare is not None
    assert revin is not None
    without, with_it = REPORTED[task.data, backbone]
    return {
        "without": bare,
        "with": revin,
        "fall": 1 - revin / bare,
        "paper without": without,
        "paper with": with_it,
        "paper fall": 1 - with_it / without,
        "Stationary": factors,
        "seeds": seeds,
    }


def mse(
    task: Task, backbone: str, setting: Setting, normalizer: type | None, seeds: int
) -> float | None:
    """Return the mean error over seeds; None without a normalizer to try."""
    if normalizer is None:
        return None
    value = scores_of(task, component_of(backbone), setting, normalizer, seeds)["MSE"]
    assert isinstance(value, float)
    return value
