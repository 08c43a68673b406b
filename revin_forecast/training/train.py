from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from torch import nn

from revin_forecast.data.module import ForecastData
from revin_forecast.errors import InputError
from revin_forecast.normalizers import PretrainedNormalizer
from revin_forecast.reversible import Reversible, learned_normalizers
from revin_forecast.settings import TrainingSettings
from revin_forecast.training.modules import ForecastingModule, PretrainingModule
from revin_forecast.training.run import TrainingResult, fit_stage, last_checkpoint


def train(
    model: nn.Module,
    data: ForecastData,
    settings: TrainingSettings,
    folder: Path | None = None,
    resume: bool = False,
) -> TrainingResult:
    """Train by gradient, stop early on validation, and leave the best weights in the model.

    Normalizers that are learned first have a stage of their own, with a folder of its own, and are
    frozen in the main one.

    Args:
        model: trained in place.
        data: training and validation windows.
        settings: epochs, learning rate and the like.
        folder: keeps checkpoints and logs; None: a temporary one.
        resume: go on from the folder's last checkpoint, to the same result, bit for bit on a CPU,
            as an undisturbed run.

    Raises:
        InputError: resume without a folder that holds a checkpoint.
    """
    if folder is None:
        if resume:
            raise InputError("resume needs the folder of the run to go on with; pass folder=...")
        with TemporaryDirectory() as scratch:
            return train(model, data, settings, Path(scratch))
    stages = [
        (folder / f"pretraining_{number}", normalizer)
        for number, normalizer in enumerate(learned_normalizers(model))
        if isinstance(normalizer, PretrainedNormalizer)
    ]
    begun = [
        place
        for place in [folder, *(place for place, _ in stages)]
        if last_checkpoint(place).is_file()
    ]
    if resume and not begun:
        last = last_checkpoint(folder)
        raise InputError(f"no checkpoint to resume from at {last}; train without resume first.")
    result = TrainingResult(0, 0, 0.0)
    if not (resume and folder in begun):  # else the last checkpoint holds what they learned
        for place, normalizer in stages:
            result = _pretrain(model, normalizer, data, settings, place, resume and place in begun)
    with _frozen([normalizer for _, normalizer in stages]):
        if not any(parameter.requires_grad for parameter in model.parameters()):
            model.eval()
            return result  # a naive backbone: what there was to learn is learnt
        module = ForecastingModule(
            model.train(),
            settings.learning_rate,
            settings.loss,
            settings.decay,
            settings.gradient_clip,
            settings.seed,
        )
        result, best = fit_stage(module, data, settings, folder, resume and folder in begun)
        weights = {name.removeprefix("model."): part for name, part in best.items()}
        model.load_state_dict(weights)
    model.eval()
    return result


def _pretrain(
    model: nn.Module,
    normalizer: PretrainedNormalizer,
    data: ForecastData,
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
) -> TrainingResult:
    """Train one normalizer alone and leave its best weights in it."""
    assert isinstance(model, Reversible)  # no other module has normalizers to train
    clip, seed = settings.gradient_clip, settings.seed
    module = PretrainingModule(model.train(), normalizer, clip, seed)
    settings = replace(settings, max_epochs=normalizer.pretraining_epochs)
    result, best = fit_stage(module, data, settings, folder, resume)
    prefix = "normalizer."
    own = {name.removeprefix(prefix): best[name] for name in best if name.startswith(prefix)}
    normalizer.load_state_dict(own)
    return result


@contextmanager
def _frozen(normalizers: Sequence[nn.Module]) -> Iterator[None]:
    """Hold parameters constant for a while, then leave them as they were found."""
    held = [part for module in normalizers for part in module.parameters() if part.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
