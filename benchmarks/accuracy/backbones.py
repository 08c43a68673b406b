from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks.accuracy.backbone_settings import SETTINGS, Task, component_of, scores_of
from benchmarks.accuracy.planned_row import HORIZONS, Cell, Row, split_of
from benchmarks.accuracy.published_scores import published
from revin_forecast.backbones import Ridge
from revin_forecast.evaluation.holdout import evaluate
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.training.model_config import ModelConfig

PUBLISHED = Path(__file__).resolve().parents[3] / "shared" / "published" / "results.csv"
TEXT = """
# Backbones with and without RevIN

Test MSE and MAE on data z-scored by the training part, all test windows scored, nothing chosen on
them. Mean over the seeds; "spread" is their standard deviation. Parameters, learning rates and
epochs are those of `benchmarks/accuracy/backbone_settings.py`, chosen on validation windows of ETTh1, 336 -> 96,
with RevIN, and used everywhere else unchanged: rates fall each epoch, training stops after two
epochs without a better validation error. They are small, for two processor cores: `configs/gpu/`
has the papers' sizes. `Ridge` is solved, so it has no seeds. "published" is the nearest published
figure of the method, under the name and with the look-back that stand behind it ("flawed": the test
loader dropped its last batch, or the like; "unchecked": nobody looked). Seconds are those of one
seed on a busy machine. RevIN lowers the MSE everywhere but for three linear maps (Ridge, SparseTSF,
FITS) at 96 steps back on ETTh1, where it costs half a percent at most. Repeat with

    python -m benchmarks.accuracy.run --grid backbones --data-dir DATA
"""
CHEAP = ("Ridge", "Linear", "DLinear", "CycleNet", "SparseTSF", "FITS", "TiedAutoencoder")


def cells(names: list[str], data_dir: str | None, quick: bool, seeds: int) -> Iterator[Cell]:
    """Plan a row for each setting and backbone; what matters most first."""
    for task, backbone in _ordered(names or ["etth1", "etth2"], data_dir, quick):
        key: Row = {
            "data": task.data,
            "look-back": task.lookback,
            "horizon": task.horizon,
            "backbone": backbone,
        }
        beside = published(PUBLISHED, task.data, task.lookback, task.horizon, backbone)
        yield Cell(key, partial(row, task, backbone, seeds), beside)


def _ordered(names: list[str], data_dir: str | None, quick: bool) -> Iterator[tuple[Task, str]]:
    every = ["Ridge", *SETTINGS]
    quicker, slower = every[: every.index("PatchTST")], every[every.index("PatchTST") :]
    plan = [(48, 12, every)] if quick else [(336, 96, every)]
    if not quick:
        plan += [(96, 96, every), (96, 192, quicker), (336, 192, quicker)]
        plan += [(lookback, horizon, CHEAP) for horizon in HORIZONS[2:] for lookback in (336, 96)]
        plan += [(96, 192, slower), (336, 192, slower)]
    for lookback, horizon, chosen in plan:
        for backbone in chosen:
            for name in names:
                yield Task(name, lookback, horizon, data_dir, quick), backbone


def row(task: Task, backbone: str, seeds: int) -> Row:
    """Score one backbone in one setting, with and without RevIN."""
    scored: Row = {}
    for label, normalizer in (("RevIN", RevIN), ("without", Identity)):
        if backbone == "Ridge":
            scores = solved(task, normalizer)
        else:
            setting = SETTINGS[backbone]
            scores = scores_of(task, component_of(backbone), setting, normalizer, seeds)
        scored |= {f"{label} {key}": scores[key] for key in ("MSE", "spread", "MAE")}
        scored[f"{label} s"] = scores["seconds"]
    return scored


def solved(task: Task, normalizer: type) -> Row:
    """Solve Ridge; it is the same for every seed."""
    split, season = split_of(task.data, task.data_dir)
    recipe = ModelConfig(
        ModuleSpec.from_class(Ridge), ModuleSpec.from_class(normalizer), task.lookback, task.horizon
    )
    scores = evaluate(recipe, split, season).model
    return {"MSE": scores.mse, "spread": None, "MAE": scores.mae, "seconds": None}
