"""Everything that the pretraining of one network changes, and its checkpoint."""

import copy
import math
import pickle
import zipfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.pretrained.generator import GENERATOR_VERSION
from revin_forecast.pretrained.learning_curve import CurvePoint
from revin_forecast.pretrained.loss import compute_loss, scale_truth
from revin_forecast.pretrained.network import LEVELS, PretrainedNetwork
from revin_forecast.pretrained.synthetic_batches import BatchSettings, SeriesGroup
from revin_forecast.utils.files import atomic_write

MAX_GRADIENT_NORM = 1.0
BETAS = (0.9, 0.99)
MAX_SKIPPED_STEPS = 20
"""Most steps without a finite gradient; more of them mean that the training fails."""


@dataclass(frozen=True)
class PretrainingSettings:
    """Settings of a pretraining; its result depends on them, the seed and the code alone."""

    steps: int
    """Training steps; the learning rate falls to 0 over them."""
    batch: BatchSettings = field(default_factory=BatchSettings)
    """Sizes of a batch."""
    learning_rate: float = 2e-3
    """Highest learning rate of AdamW."""
    warmup_share: float = 0.02
    """Share of the steps over which the learning rate rises."""
    weight_decay: float = 0.01
    """Weight decay of AdamW."""
    average_decay: float = 0.999
    """Share of itself that the average of the weights keeps in a step."""
    curve_every: int = 500
    """Steps between two points of the learning curve."""
    validation_series: int = 256
    """Series of each kind for the learning curve."""


QUICK_SETTINGS = PretrainingSettings(
    steps=6,
    batch=BatchSettings(groups=2, series=8, steps=5, shapes=2, parts=2),
    curve_every=4,
    validation_series=8,
)
"""Settings of a tiny run: everything runs, nothing is learned."""


@dataclass
class TrainingState:
    """A network in training; `average` is the one to use."""

    network: PretrainedNetwork
    """The weights that the optimizer moves."""
    average: PretrainedNetwork
    """Exponential average of the weights, corrected for its start."""
    optimizer: torch.optim.Optimizer
    """Optimizer of `network`."""
    step: int = 0
    """Training steps so far."""
    skipped_steps: int = 0
    """Steps without a finite gradient, which left the weights as they were."""
    loss_sum: float = 0.0
    """Sum of the losses since the last point of the curve."""
    curve: list[CurvePoint] = field(default_factory=list)
    """Learning curve so far."""
    seconds: float = 0.0
    """Time of the training so far, over all its runs."""


def start_training(settings: PretrainingSettings, seed: int) -> TrainingState:
    """Return a network with random weights, its optimizer and an empty curve."""
    torch.manual_seed(seed)
    network = PretrainedNetwork().train().requires_grad_(True)
    optimizer = torch.optim.AdamW(
        network.parameters(), betas=BETAS, weight_decay=settings.weight_decay, fused=True
    )
    average = copy.deepcopy(network).eval().requires_grad_(False)
    return TrainingState(network, average, optimizer)


def take_step(
    state: TrainingState, settings: PretrainingSettings, batch: Iterable[SeriesGroup]
) -> float:
    """Train one step on a batch and return its loss.

    Raises:
        RuntimeError: too many steps had no finite gradient.
    """
    state.optimizer.zero_grad()
    groups = list(batch)
    loss = sum(_add_gradient(state.network, group, len(groups)) for group in groups)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), MAX_GRADIENT_NORM)
    state.step += 1
    if not torch.isfinite(norm):
        return _skip_step(state)
    for parameters in state.optimizer.param_groups:
        parameters["lr"] = schedule_learning_rate(settings, state.step)
    state.optimizer.step()
    _update_average(state, settings.average_decay)
    state.loss_sum += loss
    return loss


def schedule_learning_rate(settings: PretrainingSettings, step: int) -> float:
    """Return the learning rate of a step from 1 on: a linear rise, then half a cosine to about 0.

    >>> settings = PretrainingSettings(steps=100, learning_rate=1.0, warmup_share=0.1)
    >>> [round(schedule_learning_rate(settings, step), 3) for step in (1, 10, 55, 100)]
    [0.1, 1.0, 0.5, 0.0]
    """
    warmup = max(1, round(settings.warmup_share * settings.steps))
    if step <= warmup:
        return settings.learning_rate * step / warmup
    progress = (step - warmup) / max(1, settings.steps - warmup)
    return settings.learning_rate * (1 + math.cos(math.pi * progress)) / 2


def save_checkpoint(
    state: TrainingState, settings: PretrainingSettings, seed: int, path: Path
) -> None:
    """Write everything that a training is resumed from, as one file or not at all."""
    content = {
        "made by": _describe_run(settings, seed),
        "network": state.network.state_dict(),
        "average": state.average.state_dict(),
        "optimizer": state.optimizer.state_dict(),
        "random state": torch.get_rng_state(),
        "step": state.step,
        "skipped_steps": state.skipped_steps,
        "loss_sum": state.loss_sum,
        "curve": [asdict(point) for point in state.curve],
        "seconds": state.seconds,
    }
    with atomic_write(path) as partial:
        torch.save(content, partial)


def resume_training(settings: PretrainingSettings, seed: int, path: Path) -> TrainingState:
    """Return the state of a checkpoint and set torch's random state to its.

    Raises:
        InputError: the file is damaged, or another training wrote it.
    """
    content = _read_checkpoint(path)
    _check_same_run(content["made by"], _describe_run(settings, seed), path)
    state = start_training(settings, seed)
    state.network.load_state_dict(content["network"])
    state.average.load_state_dict(content["average"])
    state.optimizer.load_state_dict(content["optimizer"])
    torch.set_rng_state(content["random state"])
    state.curve = [CurvePoint(**point) for point in content["curve"]]
    for name in ("step", "skipped_steps", "loss_sum", "seconds"):
        setattr(state, name, content[name])
    return state


def _add_gradient(network: PretrainedNetwork, group: SeriesGroup, groups: int) -> float:
    """Add the gradient of a group's share of the loss; return this share."""
    forecast = network.forecast(
        torch.from_numpy(group.values),
        torch.from_numpy(group.observed),
        group.season,
        torch.from_numpy(group.steps),
    )
    truth = scale_truth(torch.from_numpy(group.future), forecast.location, forecast.scale)
    loss = compute_loss(forecast.quantiles, truth, LEVELS) / groups
    loss.backward()
    return loss.item()


def _skip_step(state: TrainingState) -> float:
    """Count a step that leaves the weights as they are; one series can overflow."""
    state.skipped_steps += 1
    if state.skipped_steps > MAX_SKIPPED_STEPS:
        raise RuntimeError(
            f"{state.skipped_steps} of {state.step} training steps had no finite gradient, but "
            f"at most {MAX_SKIPPED_STEPS} may. Look for overflows in the generator and the "
            "network, or lower the learning rate."
        )
    return math.nan


@torch.no_grad()
def _update_average(state: TrainingState, decay: float) -> None:
    # The weight of the newest value that makes the average unbiased from the first step on.
    weight = (1 - decay) / (1 - decay ** (state.step - state.skipped_steps))
    pairs = zip(state.average.parameters(), state.network.parameters(), strict=True)
    for average, parameter in pairs:
        average.lerp_(parameter, weight)


def _describe_run(settings: PretrainingSettings, seed: int) -> dict[str, Any]:
    """Return settings, seed and version, equal in a run that resumes another, by name."""
    options = asdict(settings)
    return {
        "seed": seed,
        "generator": GENERATOR_VERSION,
        "weights": sum(parameter.numel() for parameter in PretrainedNetwork().parameters()),
        **{f"batch {name}": value for name, value in options.pop("batch").items()},
        **options,
    }


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        return torch.load(path, weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged; remove it to train from the start.") from error


def _check_same_run(old: dict[str, Any], new: dict[str, Any], path: Path) -> None:
    differing = [name for name in new if old.get(name) != new[name]]
    if differing:
        changes = "; ".join(f"{name} {old.get(name)} instead of {new[name]}" for name in differing)
        raise InputError(
            f"the training in {path.parent} can't be resumed: it had {changes}. Use the same "
            "settings, or another folder."
        )
