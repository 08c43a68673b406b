"""Accuracy of every backbone with and without RevIN."""

from collections.abc import Iterator
from functools import partial

from benchmarks.accuracy.backbone_settings import (
    SETTINGS,
    Experiment,
    build_backbone_spec,
    score_over_seeds,
)
from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.accuracy.published_scores import PUBLISHED, find_published_scores
from benchmarks.accuracy.splits import HORIZONS, load_split
from benchmarks.evidence import Row
from revin_forecast.backbones import Ridge
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.training.model_config import ModelConfig

TEXT = """
# Backbones with and without RevIN

Test MSE and MAE on data z-scored with the training part. All test windows are scored, and nothing
is tuned on them. The errors are means over the seeds, and "spread" is their standard deviation.
Parameters, learning rates and epochs are in `benchmarks/accuracy/backbone_settings.py`. They were
tuned on validation windows of ETTh1, 336 -> 96, with RevIN, and are the same in every other
setting. The learning rate falls after each epoch, and training stops after two epochs without a
lower validation error. The networks are small enough for two processor cores; `configs/gpu/` has
the sizes of the papers. `Ridge` is solved in closed form and has no seeds. "published" is the
nearest published figure of the method; the last column has its name and look-back there. A figure
is "flawed" if, for example, the test loader dropped the last batch, and "unchecked" if its code
was not examined. Seconds are for one seed on a busy machine. RevIN lowers the MSE everywhere except
for three linear maps (Ridge, SparseTSF, FITS) with a look-back of 96 on ETTh1, where it costs at
most half a percent. Repeat with

    python -m benchmarks.accuracy.run --grid backbones --data-dir DATA
"""
LINEAR_MAPS = ("Ridge", "Linear", "DLinear", "CycleNet", "SparseTSF", "FITS", "TiedAutoencoder")
"""Cheap enough for all horizons."""


def plan_rows(
    names: list[str], data_dir: str | None, quick: bool, seeds: int
) -> Iterator[PlannedRow]:
    """Plan a row for each setting and backbone, the most important settings first."""
    for experiment, backbone in _list_experiments(names or ["etth1", "etth2"], data_dir, quick):
        data, lookback, horizon = experiment.data, experiment.lookback, experiment.horizon
        key: Row = {
            "data": data,
            "look-back": lookback,
            "horizon": horizon,
            "backbone": backbone,
        }
        published = find_published_scores(PUBLISHED, data, lookback, horizon, backbone)
        yield PlannedRow(key, partial(score_backbone, experiment, backbone, seeds), published)


def _list_experiments(
    names: list[str], data_dir: str | None, quick: bool
) -> Iterator[tuple[Experiment, str]]:
    every = ["Ridge", *SETTINGS]
    first_slow = every.index("PatchTST")
    fast, slow = every[:first_slow], every[first_slow:]
    plan = [(48, 12, every)] if quick else [(336, 96, every)]
    if not quick:
        plan += [(96, 96, every), (96, 192, fast), (336, 192, fast)]
        plan += [
            (lookback, horizon, LINEAR_MAPS) for horizon in HORIZONS[2:] for lookback in (336, 96)
        ]
        plan += [(96, 192, slow), (336, 192, slow)]
    for lookback, horizon, backbones in plan:
        for backbone in backbones:
            for name in names:
                yield Experiment(name, lookback, horizon, data_dir, quick), backbone


def score_backbone(experiment: Experiment, backbone: str, seeds: int) -> Row:
    """Score one backbone in one setting, with and without RevIN."""
    row: Row = {}
    for label, normalizer in (("RevIN", RevIN), ("without", Identity)):
        if backbone == "Ridge":
            scores = score_ridge(experiment, normalizer)
        else:
            spec, settings = build_backbone_spec(backbone), SETTINGS[backbone]
            scores = score_over_seeds(experiment, spec, settings, normalizer, seeds)
        row |= {f"{label} {key}": scores[key] for key in ("MSE", "spread", "MAE")}
        row[f"{label} s"] = scores["seconds"]
    return row


def score_ridge(experiment: Experiment, normalizer: type) -> Row:
    """Solve and score Ridge, which is the same for every seed."""
    split, season = load_split(experiment.data, experiment.data_dir)
    sizes = experiment.lookback, experiment.horizon
    config = ModelConfig(ModuleSpec.from_class(Ridge), ModuleSpec.from_class(normalizer), *sizes)
    scores = evaluate(config, split, season).model
    return {"MSE": scores.mse, "spread": None, "MAE": scores.mae, "seconds": None}
