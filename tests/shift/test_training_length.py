"""The length of a training on level-dependent data, which have one training window."""

from pathlib import Path

import pytest
import torch

from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Identity
from revin_forecast.shift.suite.datasets import prepare_dataset
from revin_forecast.shift.suite.plan import PlannedRun, run_config
from revin_forecast.shift.suite.suite import DatasetConfig
from revin_forecast.shift.suite.suite_yaml import read_suite
from revin_forecast.shift.suite.training_length import lengthen_training
from revin_forecast.training.fit import fit_model
from revin_forecast.training.settings import TrainingSettings

CONFIGS = Path(__file__).parents[2] / "configs"


def test_only_level_dependent_data_take_more_passes():
    settings = TrainingSettings(max_epochs=6, patience=2, decay=0.5, batch_size=64)
    for config in (DatasetConfig("ar"), DatasetConfig("level_dependent", file="own.csv")):
        assert lengthen_training(settings, config) == settings
    longer = lengthen_training(settings, DatasetConfig("level_dependent", severity=2))
    assert (longer.max_epochs, longer.patience, longer.batch_size) == (120, 40, 64)
    assert longer.decay**20 == pytest.approx(0.5)


@pytest.mark.parametrize("backbone", [pytest.param("Linear", marks=pytest.mark.slow), "MLP"])
def test_models_without_normalizer_learn_the_level_in_the_standard_suite(backbone):
    suite, config = (
        read_suite(CONFIGS / "shift-standard.yaml"),
        DatasetConfig("level_dependent", severity=4),
    )
    data = prepare_dataset(config, suite.windows)
    spec = ModuleSpec(f"revin_forecast.backbones.{backbone}")
    run = PlannedRun(config, spec, ModuleSpec.from_class(Identity), 0, (backbone, "Identity"))
    model_config = run.make_model_config(suite)
    recorded = run_config(suite, run, data)["training"]
    assert recorded["max_epochs"] == model_config.training.max_epochs
    model, _ = fit_model(model_config, data.split)
    test = data.split.standardize_part("test", suite.windows.lookback).float().unsqueeze(0)
    with torch.inference_mode():
        errors = model(test[:, : suite.windows.lookback]) - test[:, suite.windows.lookback :]
    assert errors.square().mean() < 0.02
