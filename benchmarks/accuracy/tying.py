"""Accuracy of the same network with parameters tied and untied."""

from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.backbone_settings import BackboneSettings, Experiment, score_over_seeds
from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.evidence import Row
from revin_forecast import parameter_summary
from revin_forecast.backbones import NHITS, Linear, PatchLM, PerChannel, Siamese, TiedAutoencoder
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN

TEXT = """
# What each tie costs or gains

Test MSE with RevIN, 96 -> 96, of the same network with parameters tied and untied; mean and
standard deviation over the seeds. Two ties are compared: the decoder or the head is the transposed
encoder or embedding (TiedAutoencoder, PatchLM), and one network for all channels replaces one for
each (Siamese, PerChannel). `gain` is 1 - tied / untied, which is negative where the tie costs
accuracy. Repeat with

    python -m benchmarks.accuracy.run --grid tying --data-dir DATA
"""
USUAL_TRAINING = BackboneSettings(learning_rate=1e-3, max_epochs=5)
SHORT_TRAINING = BackboneSettings(learning_rate=1e-3, max_epochs=2)
CAREFUL_TRAINING = BackboneSettings(learning_rate=5e-4, max_epochs=3)
PATCH_LM = {"width": 32, "layers": 1}
NHITS_PARAMETERS = {"width": 64, "dropout": 0.3}
PAIRS = {
    "autoencoder, rank 32": (
        partial(TiedAutoencoder, rank=32),
        partial(TiedAutoencoder, rank=32, tied=False),
        USUAL_TRAINING,
    ),
    "Linear over channels": (
        partial(Siamese, backbone=Linear),
        partial(PerChannel, backbone=Linear),
        USUAL_TRAINING,
    ),
    "N-HiTS over channels": (
        partial(Siamese, backbone=partial(NHITS, **NHITS_PARAMETERS)),
        partial(PerChannel, backbone=partial(NHITS, **NHITS_PARAMETERS)),
        CAREFUL_TRAINING,
    ),
    "patch language model": (
        partial(PatchLM, **PATCH_LM),
        partial(PatchLM, tied=False, **PATCH_LM),
        SHORT_TRAINING,
    ),
}
"""The tied network, the untied one, and how both are trained."""


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[PlannedRow]:
    """Plan a row for each pair and data set."""
    sizes = (48, 12) if quick else (96, 96)
    for label in PAIRS:
        for name in names or ("etth1", "etth2"):
            experiment = Experiment(name, *sizes, data_dir, quick)
            key: Row = {"network": label, "data": name}
            yield PlannedRow(key, partial(score_pair, experiment, label, seeds))


def score_pair(experiment: Experiment, label: str, seeds: int) -> Row:
    """Score one network tied and untied."""
    tied, untied, settings = PAIRS[label]
    row: Row = {}
    for state, build in (("tied", tied), ("untied", untied)):
        scores = score_over_seeds(experiment, ModuleSpec.from_class(build), settings, RevIN, seeds)
        row[state] = scores["MSE"]
        row[f"{state} spread"] = scores["spread"]
        row[f"{state} parameters"] = parameter_summary(build(96, 96, 7)).unique_count
    row["gain"] = 1 - row["tied"] / row["untied"]
    row["seeds"] = seeds
    return row
