"""Fit any model with one call: solve it in closed form, train it, or do nothing."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from revin_forecast.backbones import Ridge
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.closed_form import fit_ridge
from revin_forecast.closed_form.gap_free_windows import gap_free_share
from revin_forecast.data.split import ChronologicalSplit, MemoryMappedSplit
from revin_forecast.errors import InputError
from revin_forecast.models.quantiles import check_supports_quantiles
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import InitializedFromData, LearnedNormalizer
from revin_forecast.training.model_config import ModelConfig


def fit_model(
    config: ModelConfig,
    split: ChronologicalSplit | MemoryMappedSplit,
    folder: Path | None = None,
    resume: bool = False,
) -> tuple[Reversible, dict[str, Any]]:
    """Build and fit a model on a split's standardized values.

    Args:
        config: what is fitted, and how.
        split: the values and where training and validation end.
        folder: keeps checkpoints and logs of a trained backbone; None: nothing is kept.
        resume: go on from the folder's last checkpoint.

    Returns:
        The model, in evaluation mode, and what the fit reports.
    """
    channels = split.channels
    model = config.build(channels)
    training = split.standardize_part("training", config.lookback)
    validation = split.standardize_part("validation", config.lookback)
    for name, rows in (("training", training), ("validation", validation)):
        _check_enough_rows(name, len(rows), config)
    if isinstance(model.normalizer, InitializedFromData):
        model.normalizer.initialize_from(training, config.lookback)
    if isinstance(unwrap(model.backbone), Ridge):
        if resume:
            raise InputError("a Ridge is solved in one go; there is nothing to resume.")
        # A series that only begins late has no gap that a window must be seen through.
        width = config.lookback + config.horizon
        complete = all(gap_free_share(part, width) == 1 for part in (training, validation))
        gaps = "complete" if complete else "masked"
        of_all = _with_all_targets(model, config, channels)
        result = fit_ridge(of_all, training, validation, config.refit, gaps=gaps)
        report: dict[str, Any] = vars(result)
    elif config.refit:
        raise InputError(
            f"refit is for closed-form backbones; {config.backbone.name} is trained with early "
            "stopping on validation. Leave refit out, or use Ridge."
        )
    elif _is_trainable(model):
        if model.levels:
            sizes = (config.lookback, config.horizon)
            check_supports_quantiles(model.normalizer, *sizes, len(model.levels))
        report = _train(model, split, config, folder, resume)
    elif resume:
        raise InputError(f"{config.backbone.name} has nothing to train, so nothing to resume.")
    else:
        report = {}
    return model.eval(), report


def _with_all_targets(model: Reversible, recipe: ModelConfig, channels: int) -> Reversible:
    """Return the same backbone with all channels as targets: those only seen teach the map, too."""
    if recipe.targets is None:
        return model
    normalizer = replace(recipe, targets=None).build(channels).normalizer
    normalizer.load_state_dict(model.normalizer.state_dict())
    return Reversible(unwrap(model.backbone), normalizer)


def _is_trainable(model: Reversible) -> bool:
    """Return whether there is anything to train; an affine map around a naive one is nothing."""
    learned = isinstance(model.normalizer, LearnedNormalizer | InitializedFromData)
    return learned or any(True for _ in model.backbone.parameters())


def _check_enough_rows(name: str, rows: int, recipe: ModelConfig) -> None:
    width = recipe.lookback + recipe.horizon
    if rows < width:
        raise InputError(
            f"the {name} part has {rows} rows with its look-back, but one window of look-back "
            f"{recipe.lookback} and horizon {recipe.horizon} takes {width}. "
            "Choose a shorter look-back or horizon, or pass more rows."
        )


def _train(
    model: Reversible,
    split: ChronologicalSplit | MemoryMappedSplit,
    recipe: ModelConfig,
    folder: Path | None,
    resume: bool,
) -> dict[str, Any]:
    # Imported here: a closed-form fit needs neither Lightning nor its two seconds.
    from revin_forecast.data.lightning_module import ForecastDataModule
    from revin_forecast.training.train import train

    settings, sizes = recipe.training, (recipe.lookback, recipe.horizon)
    data = ForecastDataModule(
        split.make_windows("training", *sizes),
        split.make_windows("validation", *sizes),
        batch_size=settings.batch_size,
        seed=settings.seed,
    )
    return vars(train(model, data, settings, folder, resume))
