from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.backbone_settings import Setting, Task, scores_of
from benchmarks.accuracy.planned_row import Cell, Row
from revin_forecast import parameter_summary
from revin_forecast.backbones import NHITS, Linear, PatchLM, PerChannel, Siamese, TiedAutoencoder
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN

TEXT = """
# What each tie costs or gains

Test MSE with RevIN, 96 -> 96, mean and standard deviation over the seeds, of the same network with
parameters tied and untied: the decoder or the head transposed from the encoder or embedding
(TiedAutoencoder, PatchLM), one network for all channels against one for each (Siamese, PerChannel).
`gain` is 1 - tied / untied: negative where the tie costs. Repeat with

    python -m benchmarks.accuracy.run --grid tying --data-dir DATA
"""
SETTING = Setting(learning_rate=1e-3, max_epochs=5)
SLOW = Setting(learning_rate=1e-3, max_epochs=2)
DEEP = Setting(learning_rate=5e-4, max_epochs=3)
SMALL = {"width": 32, "layers": 1}
NET = {"width": 64, "dropout": 0.3}
PAIRS = {
    "autoencoder, rank 32": (
        partial(TiedAutoencoder, rank=32),
        partial(TiedAutoencoder, rank=32, tied=False),
        SETTING,
    ),
    "Linear over channels": (
        partial(Siamese, backbone=Linear),
        partial(PerChannel, backbone=Linear),
        SETTING,
    ),
    "N-HiTS over channels": (
        partial(Siamese, backbone=partial(NHITS, **NET)),
        partial(PerChannel, backbone=partial(NHITS, **NET)),
        DEEP,
    ),
    "patch language model": (
        partial(PatchLM, **SMALL),
        partial(PatchLM, tied=False, **SMALL),
        SLOW,
    ),
}


def cells(names: list[str], data_dir: str | None, quick: bool, seeds: int) -> Iterator[Cell]:
    """Plan a row for each pair and data set."""
    for label in PAIRS:
        for name in names or ("etth1", "etth2"):
            task = Task(name, *((48, 12) if quick else (96, 96)), data_dir, quick)
            yield Cell({"network": label, "data": name}, partial(row, task, label, seeds))


def row(task: Task, label: str, seeds: int) -> Row:
    """Score one pair."""
    tied, untied, setting = PAIRS[label]
    scored: Row = {}
    errors = {}
    for state, make in (("tied", tied), ("untied", untied)):
        scores = scores_of(task, ModuleSpec.from_class(make), setting, RevIN, seeds)
        errors[state] = scores["MSE"]
        scored[state] = scores["MSE"]
        scored[f"{state} spread"] = scores["spread"]
        scored[f"{state} parameters"] = parameter_summary(make(96, 96, 7)).unique_count
    scored["gain"] = 1 - errors["tied"] / errors["untied"]
    scored["seeds"] = seeds
    return scored
