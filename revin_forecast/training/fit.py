"""Fitting of any model: closed form, gradient training, or nothing for naive baselines."""

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from revin_forecast.backbones import ETS, Pretrained, Ridge
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.closed_form import fit_ridge
from revin_forecast.closed_form.gap_free_windows import gap_free_share
from revin_forecast.data.split import ChronologicalSplit, MemoryMappedSplit
from revin_forecast.errors import InputError
from revin_forecast.models.quantiles import check_supports_quantiles
from revin_forecast.models.reversible import Reversible
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import (
    Identity,
    InitializedFromData,
    LearnedNormalizer,
    LogMean,
    ShrunkLevel,
)
from revin_forecast.training.model_config import ModelConfig


def fit_model(
    config: ModelConfig,
    split: ChronologicalSplit | MemoryMappedSplit,
    folder: Path | None = None,
    resume: bool = False,
) -> tuple[Reversible, dict[str, Any]]:
    """Build and fit a model on a split's standardized values.

    Args:
        config: the model and its training settings.
        split: the values and the ends of training and validation.
        folder: folder for checkpoints and logs of a trained backbone; None: they are discarded.
        resume: whether to resume from the folder's last checkpoint.

    Returns:
        The model in evaluation mode, and a summary of the fit (`RidgeFit` or `TrainingResult` as a
        dictionary; empty if nothing is fitted).

    Raises:
        InputError: a part of the split is too short, `resume` or `refit` does not apply to the
            backbone, a size given to a class is not that of the model, or its normalizer cannot
            be used with the loss.
    """
    _check_sizes(config)
    channels = split.channels
    model = config.build(channels)
    training = split.standardize_part("training", config.lookback)
    validation = split.standardize_part("validation", config.lookback)
    for name, rows in (("training", training), ("validation", validation)):
        _check_enough_rows(name, len(rows), config)
    if isinstance(model.normalizer, InitializedFromData):
        model.normalizer.initialize_from(training, config.lookback)
    _set_zero(model, split)
    if model.levels:
        sizes = (config.lookback, config.horizon)
        check_supports_quantiles(model.normalizer, *sizes, len(model.levels))
    if isinstance(unwrap(model.backbone), Ridge):
        if resume:
            raise InputError("a Ridge is solved in one step; there is nothing to resume.")
        # Late starts are not gaps: leaving out their incomplete windows is exact and fast.
        width = config.lookback + config.horizon
        is_gap_free = all(gap_free_share(part, width) == 1 for part in (training, validation))
        gaps = "complete" if is_gap_free else "masked"
        full_model = _with_all_targets(model, config, channels)
        result = fit_ridge(full_model, training, validation, config.refit, gaps=gaps)
        if full_model is not model:  # with a ShrunkLevel, the normalizer is solved, too
            model.normalizer.load_state_dict(full_model.normalizer.state_dict())
        summary: dict[str, Any] = vars(result)
    elif config.refit:
        raise InputError(
            f"refit is for closed-form backbones; {config.backbone.name} is trained with early "
            "stopping on validation. Leave refit out, or use Ridge."
        )
    elif _is_trainable(model):
        summary = _train(model, split, config, folder, resume)
    elif resume:
        raise InputError(f"{config.backbone.name} has nothing to train, so nothing to resume.")
    else:
        summary = {}
    return model.eval(), summary


def _check_sizes(config: ModelConfig) -> None:
    """Refuse sizes, given to a class by the user, that are not those of the model."""
    backbone, names = config.backbone, config.covariates
    number = backbone.parameters.get("covariates")
    if names and number not in (None, len(names), _find_default(backbone, "covariates")):
        raise InputError(
            f"{backbone.name} got covariates={number}, but its known inputs are {list(names)}. "
            "Leave the number out."
        )
    for name, size in (("lookback", config.lookback), ("horizon", config.horizon)):
        given = config.normalizer.parameters.get(name)
        # In a class of the user, a look-back may be something else.
        if config.normalizer.path.startswith("revin_forecast.") and given not in (None, size):
            raise InputError(
                f"{config.normalizer.name} got {name}={given}, but the model has {name}={size}. "
                "Leave it out of the normalizer's options."
            )


def _find_default(spec: ModuleSpec, name: str) -> Any:
    """Return the default of a class's parameter; the command line passes it on as if given."""
    parameter = inspect.signature(spec.import_class()).parameters.get(name)
    return None if parameter is None else parameter.default


def _set_zero(model: Reversible, split: ChronologicalSplit | MemoryMappedSplit) -> None:
    """Give logarithms the standardized value that stands for 0 in the data's units."""
    backbone, normalizer = unwrap(model.backbone), model.normalizer
    zero = torch.from_numpy(split.standardizer.transform(np.zeros((1, split.channels)))[0])
    if isinstance(normalizer, LogMean):
        normalizer.zero.copy_(zero)
    if isinstance(backbone, ETS | Pretrained) and backbone.logs:
        if not isinstance(normalizer, Identity):
            raise InputError(
                f"{type(backbone).__name__} with logarithms needs to know which value stands for "
                f"0, but {type(normalizer).__name__} changes it from window to window. Use the "
                "normalizer Identity, or leave logs out."
            )
        backbone.zero.copy_(zero)


def _with_all_targets(model: Reversible, config: ModelConfig, channels: int) -> Reversible:
    """Return a model of the same backbone with all channels as targets."""
    if config.targets is None:
        return model
    # Windows of the other channels train a shared map, too.
    normalizer = replace(config, targets=None).build(channels).normalizer
    normalizer.load_state_dict(model.normalizer.state_dict())
    return Reversible(unwrap(model.backbone), normalizer)


def _is_trainable(model: Reversible) -> bool:
    """Return whether there is anything to train."""
    # The affine map of a normalizer around a naive backbone does not count: it cancels.
    learned = isinstance(model.normalizer, LearnedNormalizer | InitializedFromData)
    learned &= not isinstance(model.normalizer, ShrunkLevel)  # learns nothing but such a map
    return learned or any(weights.requires_grad for weights in model.backbone.parameters())


def _check_enough_rows(name: str, rows: int, config: ModelConfig) -> None:
    width = config.lookback + config.horizon
    if rows < width:
        raise InputError(
            f"the {name} part has {rows} rows with its look-back, but one window of look-back "
            f"{config.lookback} and horizon {config.horizon} takes {width}. "
            "Choose a shorter look-back or horizon, or pass more rows."
        )


def _train(
    model: Reversible,
    split: ChronologicalSplit | MemoryMappedSplit,
    config: ModelConfig,
    folder: Path | None,
    resume: bool,
) -> dict[str, Any]:
    # Imported here, as importing Lightning takes two seconds that a closed-form fit can save.
    from revin_forecast.data.lightning_module import ForecastDataModule
    from revin_forecast.training.train import train

    settings, sizes = config.training, (config.lookback, config.horizon)
    data = ForecastDataModule(
        split.make_windows("training", *sizes),
        split.make_windows("validation", *sizes),
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    return vars(train(model, data, settings, folder, resume))
