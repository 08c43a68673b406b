"""A training step in the package's loop, compared with a plain loop over gathered batches."""

import copy

import pytest

from benchmarks.ratio_timer import RatioTimer
from benchmarks.speed.training_speed import (
    CHANNELS,
    HORIZON,
    LOOKBACK,
    StepClock,
    make_noise,
    train_package,
    train_plain,
)
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import RevIN
from revin_forecast.training.model_config import ModelConfig

BATCH = 32
# A small backbone and a large one; `benchmarks/speed/training_speed.py` has all of them.
BOUNDS = {"Linear": 1.6, "InvertedTransformer": 1.5}  # 1.1 and 1


@pytest.fixture(scope="module")
def clock() -> StepClock:
    """Return a clock for all tests, because its hook is never removed."""
    return StepClock()


@pytest.mark.parametrize("name", BOUNDS)
def test_step_against_plain_loop(
    timer: RatioTimer, quick: bool, clock: StepClock, name: str
) -> None:
    if quick and name != "Linear":
        pytest.skip("one backbone is enough for a quick run")
    data = make_noise(10 if quick else 30, BATCH, covariates=0)
    backbone = ModuleSpec(f"revin_forecast.{name}", {})
    config = ModelConfig(backbone, ModuleSpec.from_class(RevIN), LOOKBACK, HORIZON)
    model = config.build(CHANNELS)
    gathered = [batch for chunk in data.train_dataloader() for batch in chunk]
    plain_seconds: list[float] = []
    package_seconds: list[float] = []

    def run_plain() -> None:
        seconds = clock.measure_step_seconds(lambda: train_plain(copy.deepcopy(model), gathered))
        plain_seconds.append(seconds)

    def run_package() -> None:
        seconds = clock.measure_step_seconds(lambda: train_package(copy.deepcopy(model), data))
        package_seconds.append(seconds)

    # The timer's own ratio includes the start of the loops; the steps alone are compared.
    timer.measure(run_package, run_plain, rounds=5)
    pairs = zip(package_seconds, plain_seconds, strict=True)
    ratios = sorted(package / plain for package, plain in pairs)
    timer.check(
        f"a training step of {name}",
        "a plain loop over gathered batches",
        ratios[len(ratios) // 2],
        BOUNDS[name],
    )
