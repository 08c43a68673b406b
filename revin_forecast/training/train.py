"""Gradient training in stages, with early stopping and resume."""

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
    """Train by gradient with early stopping on validation, and load the best weights.

    Each `PretrainedNormalizer` is trained first, in a separate stage and folder, and is frozen in
    the main stage.

    Args:
        model: the model, trained in place.
        data: training and validation windows.
        settings: epochs, learning rate and other settings.
        folder: folder for checkpoints and logs; None: a temporary folder.
        resume: whether to resume from the folder's last checkpoint. The result is that of an
            uninterrupted run, bit for bit on a CPU. A finished run returns its result again, or
            trains on if `max_epochs` is larger than before.

    Returns:
        The result of the main stage, or of the last pretraining if there is nothing else to train.

    Raises:
        InputError: resume without the folder of a run, or with another model, data or settings.
    """
    if folder is None:
        if resume:
            raise InputError("resume needs the folder of the run; pass folder=...")
        with TemporaryDirectory() as scratch:
            return train(model, data, settings, Path(scratch))
    stages = [
        (folder / f"pretraining_{number}", normalizer)
        for number, normalizer in enumerate(find_learned_normalizers(model))
        if isinstance(normalizer, PretrainedNormalizer)
    ]
    folders = [folder, *(stage_folder for stage_folder, _ in stages)]
    resumable, threads = _prepare_stages(model, data, settings, folders, resume)
    settings = replace(settings, threads=threads)
    result = TrainingResult(0, 0, 0.0)
    # A checkpoint of the main stage already holds the pretrained normalizers.
    if folder not in resumable:
        for stage_folder, normalizer in stages:
            is_resumed = stage_folder in resumable
            result = _pretrain(model, normalizer, data, settings, stage_folder, is_resumed)
    with _frozen_parameters([part for _, normalizer in stages for part in normalizer.parameters()]):
        if not any(parameter.requires_grad for parameter in model.parameters()):
            model.eval()
            return result  # the backbone is naive and the normalizers are trained
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
            result, best = fit_stage(module, data, settings, folder, folder in resumable, advance)
        weights = {name.removeprefix("model."): part for name, part in best.items()}
        model.load_state_dict(weights)
    model.eval()
    return result


def _prepare_stages(
    model: nn.Module,
    data: ForecastDataModule,
    settings: TrainingSettings,
    folders: Sequence[Path],
    resume: bool,
) -> tuple[list[Path], int | None]:
    """Return the folders of stages to resume and the number of threads; record a new run.

    Args:
        model: the model to train.
        data: training and validation windows.
        settings: settings of the run.
        folders: folder of the main stage, then those of the pretraining stages.
        resume: whether to resume a run.
    """
    folder, content = folders[0], run_fingerprint(model, data, settings)
    if not resume:
        # Otherwise an interrupted new run could be resumed from the checkpoints of an older one.
        for stage_folder in folders:
            for checkpoint in (last_checkpoint(stage_folder), best_checkpoint(stage_folder)):
                checkpoint.unlink(missing_ok=True)
        threads = settings.threads or _choose_threads(model, data, settings)
        record_start(folder, content, threads)
        return [], threads
    resumable = [path for path in folders if last_checkpoint(path).is_file()]
    if not resumable and not has_started(folder):
        last = last_checkpoint(folder)
        raise InputError(f"no checkpoint to resume from at {last}; train without resume first.")
    recorded_threads = check_resumable(folder, content)
    return resumable, settings.threads or recorded_threads


def _choose_threads(
    model: nn.Module, data: ForecastDataModule, settings: TrainingSettings
) -> int | None:
    """Return the number of threads that suits a step; None with several processes."""
    if settings.devices * settings.num_nodes > 1:
        return None
    max_threads = torch.get_num_threads()
    if max_threads == 1:
        return 1
    batch = data.training[: settings.batch_size]
    extra = {} if batch.known is None else {"known": batch.known}
    model.eval()
    return choose_thread_count(count_flops(lambda: model(batch.past, **extra)), max_threads)


def _pretrain(
    model: nn.Module,
    normalizer: PretrainedNormalizer,
    data: ForecastDataModule,
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
) -> TrainingResult:
    """Train one normalizer alone and load its best weights."""
    assert isinstance(model, Reversible)  # other modules have no normalizers
    clip, seed = settings.gradient_clip, settings.seed
    module = PretrainingModule(model.train(), normalizer, clip, seed)
    settings = replace(settings, max_epochs=normalizer.pretraining_epochs)
    own_parameters = {id(parameter) for parameter in normalizer.parameters()}
    others = [part for part in model.parameters() if id(part) not in own_parameters]
    title = f"training {type(normalizer).__name__} alone"
    # The others are frozen, as several processes wait for the gradient of every other parameter.
    with _frozen_parameters(others), progress(title, settings.max_epochs, "epochs") as advance:
        result, best = fit_stage(module, data, settings, folder, resume, advance)
    prefix = "normalizer."
    weights = {name.removeprefix(prefix): best[name] for name in best if name.startswith(prefix)}
    normalizer.load_state_dict(weights)
    return result


def _backbone_name(model: nn.Module) -> str:
    """Return the class name of the backbone inside all normalizers."""
    while isinstance(model, Reversible):
        model = model.backbone
    return type(unwrap(model)).__name__


@contextmanager
def _frozen_parameters(parameters: Sequence[nn.Parameter]) -> Iterator[None]:
    """Freeze parameters inside the context; those already frozen stay frozen."""
    trainable = [parameter for parameter in parameters if parameter.requires_grad]
    for parameter in trainable:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in trainable:
            parameter.requires_grad_(True)
