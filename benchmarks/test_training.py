"""A training step in the package's loop beside a plain one over gathered batches."""

import copy

import pytest

from benchmarks.race import Race
from benchmarks.speed.training_speed import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    Clock,
    package,
    plain,
    random_data,
)
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig

BATCH = 32
# `benchmarks/speed/training_speed.py` has every backbone; here are a small and a large one.
BOUNDS = {"Linear": 1.6, "InvertedTransformer": 1.5}  # 1.1 and 1


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()  # its hook stays, so one is enough


@pytest.mark.parametrize("name", BOUNDS)
def test_step_beside_a_plain_loop(race: Race, quick: bool, clock: Clock, name: str) -> None:
    if quick and name != "Linear":
        pytest.skip("one backbone is enough for a quick look")
    data = random_data(10 if quick else 30, BATCH, covariates=0)
    recipe = ModelConfig(
        ModuleSpec(f"revin_forecast.{name}", {}), ModuleSpec.from_class(RevIN), LOOKBACK, HORIZON
    )
    model = recipe.build(CHANNELS)
    gathered = [batch for stretch in data.train_dataloader() for batch in stretch]
    bare: list[float] = []
    ours: list[float] = []

    def first() -> None:
        bare.append(clock.step_seconds(lambda: plain(copy.deepcopy(model), gathered)))

    def second() -> None:
        ours.append(clock.step_seconds(lambda: package(copy.deepcopy(model), data)))

    race(second, first, rounds=5)  # what counts is the steps alone, without the loops' beginning
    ratios = sorted(own / other for own, other in zip(ours, bare, strict=True))
    race.judge(
        f"a training step of {name}",
        "a plain loop over gathered batches",
        ratios[len(ratios) // 2],
        BOUNDS[name],
    )
