"""The table of the RevIN paper, repeated with this package's backbones."""

from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.backbone_settings import (
    SETTINGS,
    Experiment,
    build_backbone_spec,
    score_over_seeds,
)
from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.evidence import Row
from revin_forecast.normalizers import Identity, RevIN, Stationary

TEXT = """
# The RevIN paper's table

Test MSE of Informer, N-BEATS and SCINet 168 steps ahead, without and with RevIN, compared with the
figures of the paper (Kim et al., ICLR 2022, table 1). Ours are over all test windows, with networks
small enough for two processor cores (`benchmarks/accuracy/backbone_settings.py`). The look-back is
168, and 336 for SCINet, as far as the paper states it. `JoinedNBEATS` reads all channels as one
long series. It reproduces the N-BEATS figures of the paper, while one network for all channels
(`NBEATS`) has little to gain, because it loses little without RevIN. `fall` is 1 - with / without.
Each network is trained with the settings that were tuned with RevIN, so "without" is not a tuned
competitor. The last column but one is `Stationary` (Liu et al., NeurIPS 2022) around the Informer,
whose attention uses its factors tau and delta; compare it with `with`. Repeat with

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
"""MSE in the paper without and with RevIN."""
HORIZON = 168


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[PlannedRow]:
    """Plan a row for each data set and backbone of the paper's table."""
    for name, backbone in REPORTED:
        if name not in (names or ("etth1", "etth2")):
            continue
        lookback, horizon = 336 if backbone == "SCINet" else 168, HORIZON
        if quick:
            lookback, horizon = 48, 12
        experiment = Experiment(name, lookback, horizon, data_dir, quick)
        key: Row = {"data": name, "look-back": lookback, "horizon": horizon, "backbone": backbone}
        yield PlannedRow(key, partial(score_backbone, experiment, backbone, seeds))


def score_backbone(experiment: Experiment, backbone: str, seeds: int) -> Row:
    """Score one backbone without RevIN, with it and, for the Informer, with Stationary."""
    without = average_mse(experiment, backbone, Identity, seeds)
    revin = average_mse(experiment, backbone, RevIN, seeds)
    stationary = None
    if backbone == "Informer":  # the only one whose attention uses tau and delta
        stationary = average_mse(experiment, backbone, Stationary, seeds)
    paper_without, paper_revin = REPORTED[experiment.data, backbone]
    return {
        "without": without,
        "with": revin,
        "fall": 1 - revin / without,
        "paper without": paper_without,
        "paper with": paper_revin,
        "paper fall": 1 - paper_revin / paper_without,
        "Stationary": stationary,
        "seeds": seeds,
    }


def average_mse(experiment: Experiment, backbone: str, normalizer: type, seeds: int) -> float:
    """Return the mean MSE over the seeds."""
    settings = SETTINGS[backbone.removeprefix("Joined")]
    spec = build_backbone_spec(backbone)
    return score_over_seeds(experiment, spec, settings, normalizer, seeds)["MSE"]
