from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible, find_learned_normalizers
from revin_forecast.normalizers import PretrainedNormalizer
from revin_forecast.training.checkpoints import (
    TrainingResult,
    best_checkpoint,
    check_resumable,
    has_started,
    last_checkpoint,
    record_start,
    run_fingerprint,
)
from revin_forecast.training.lightning_modules import ForecastingModule, PretrainingModule
from revin_forecast.training.multi_process import fit_stage
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.utils.progress import progress
from revin_forecast.utils.threads import choose_thread_count, count_flops


def train(
    model: nn.Module,
    data: ForecastDataModule,
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
            as an undisturbed run; where the run had ended, that is its result. More `max_epochs`
            than it had are trained.

    Raises:
        InputError: resume without a folder where a run began, or where it was of something else.
    """
    if folder is None:
        if resume:
            raise InputError("resume needs the folder of the run to go on with; pass folder=...")
        with TemporaryDirectory() as scratch:
            return train(model, data, settings, Path(scratch))
    stages = [
        (folder / f"pretraining_{number}", normalizer)
        for number, normalizer in enumerate(find_learned_normalizers(model))
        if isinstance(normalizer, PretrainedNormalizer)
    ]
    places = [folder, *(place for place, _ in stages)]
    begun, threads = _resume_stages(model, data, settings, places, resume)
    settings = replace(settings, threads=threads)
    result = TrainingResult(0, 0, 0.0)
    if not (resume and folder in begun):  # else the last checkpoint holds what they learned
        for place, normalizer in stages:
            result = _pretrain(model, normalizer, data, settings, place, resume and place in begun)
    with _frozen_parameters([part for _, normalizer in stages for part in normalizer.parameters()]):
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
            settings.compile,
        )
        with progress(
            f"training {_backbone_name(model)}", settings.max_epochs, "epochs"
        ) as advance:
            go_on = resume and folder in begun
            result, best = fit_stage(module, data, settings, folder, go_on, advance)
        weights = {name.removeprefix("model."): part for name, part in best.items()}
        model.load_state_dict(weights)
    model.eval()
    return result


def _resume_stages(
    model: nn.Module,
    data: ForecastDataModule,
    settings: TrainingSettings,
    places: Sequence[Path],
    resume: bool,
) -> tuple[list[Path], int | None]:
    """Return the folders of stages that a run to go on with has checkpoints of, and the threads.

    A new run takes away those of an older one first, lest it be resumed as that.
    """
    folder, content = places[0], run_fingerprint(model, data, settings)
    if not resume:
        for place in places:
            for old in (last_checkpoint(place), best_checkpoint(place)):
                old.unlink(missing_ok=True)
        threads = settings.threads or _choose_threads(model, data, settings)
        record_start(folder, content, threads)
        return [], threads
    found = [place for place in places if last_checkpoint(place).is_file()]
    if not found and not has_started(folder):
        last = last_checkpoint(folder)
        raise InputError(f"no checkpoint to resume from at {last}; train without resume first.")
    before = check_resumable(folder, content)
    return found, settings.threads or before


def _choose_threads(
    model: nn.Module, data: ForecastDataModule, settings: TrainingSettings
) -> int | None:
    """Return how many threads of this process's a step is worth; None where several train."""
    if settings.devices * settings.num_nodes > 1:
        return None
    most = torch.get_num_threads()
    if most == 1:
        return 1
    first = data.training[: settings.batch_size]
    extra = {} if first.known is None else {"known": first.known}
    model.eval()
    return choose_thread_count(count_flops(lambda: model(first.past, **extra)), most)


def _pretrain(
    model: nn.Module,
    normalizer: PretrainedNormalizer,
    data: ForecastDataModule,
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
) -> TrainingResult:
    """Train one normalizer alone and leave its best weights in it."""
    assert isinstance(model, Reversible)  # no other module has normalizers to train
    clip, seed = settings.gradient_clip, settings.seed
    module = PretrainingModule(model.train(), normalizer, clip, seed)
    settings = replace(settings, max_epochs=normalizer.pretraining_epochs)
    own_parameters = {id(parameter) for parameter in normalizer.parameters()}
    others = [part for part in model.parameters() if id(part) not in own_parameters]
    what = f"training {type(normalizer).__name__} alone"
    # Several processes wait for the gradient of each that is not frozen.
    with _frozen_parameters(others), progress(what, settings.max_epochs, "epochs") as advance:
        result, best = fit_stage(module, data, settings, folder, resume, advance)
    prefix = "normalizer."
    own = {name.removeprefix(prefix): best[name] for name in best if name.startswith(prefix)}
    normalizer.load_state_dict(own)
    return result


def _backbone_name(model: nn.Module) -> str:
    """Return the name of what stands inside all normalizers."""
    while isinstance(model, Reversible):
        model = model.backbone
    return type(unwrap(model)).__name__


@contextmanager
def _frozen_parameters(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Hold parameters constant for a while, then leave them as they were found."""
    held = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in held:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in held:
            parameter.requires_grad_(True)
