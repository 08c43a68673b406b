"""Training of the zero-shot network: by steps, on synthetic series alone, resumable.

Plain torch instead of Lightning and the package's training, which are above this layer: a run
has neither a data set nor epochs nor validation windows, only steps over a generator.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from revin_forecast.pretrained.learning_curve import (
    CurvePoint,
    average_scores,
    build_validation,
    score_networks,
    write_curve,
)
from revin_forecast.pretrained.network import PretrainedNetwork
from revin_forecast.pretrained.synthetic_batches import SeriesGroup, iterate_batches
from revin_forecast.pretrained.training_state import (
    PretrainingSettings,
    TrainingState,
    resume_training,
    save_checkpoint,
    start_training,
    take_step,
)
from revin_forecast.utils.files import folder_lock
from revin_forecast.utils.progress import progress
from revin_forecast.utils.threads import torch_threads

CHECKPOINT_FILE = "last.pt"
CURVE_FILE = "curve.csv"
CHECKPOINT_STEPS = 250
"""Steps between two checkpoints, at most lost by an interruption."""


@dataclass(frozen=True)
class TrainedMember:
    """A trained network of one seed."""

    seed: int
    """Seed of its weights and batches."""
    weights: dict[str, Tensor]
    """State of the averaged network."""
    curve: list[CurvePoint]
    """Learning curve."""
    seconds: float
    """Time of the training."""
    skipped_steps: int
    """Steps without a finite gradient."""


def train_members(
    settings: PretrainingSettings, seeds: Sequence[int], folder: Path, has_worker: bool = True
) -> list[TrainedMember]:
    """Train one network for each seed; finished ones are read, interrupted ones are resumed.

    The same settings and seeds give the same bytes on the same machine, with and without
    interruptions and with and without a worker: one thread calculates.

    Args:
        settings: settings of each training.
        seeds: one for each network.
        folder: where each seed has a folder, with its checkpoint and its learning curve.
        has_worker: whether a process of its own builds the batches.

    Raises:
        InputError: the folder has a training with other settings.
        RuntimeError: too many steps had no finite gradient.
    """
    validation = build_validation(settings.validation_series)
    members: list[TrainedMember] = []
    for seed in seeds:
        member_folder = folder / f"seed-{seed}"
        member_folder.mkdir(parents=True, exist_ok=True)
        with folder_lock(member_folder), torch_threads(1):
            state = _train(settings, seed, member_folder, validation, has_worker)
        members.append(
            TrainedMember(
                seed, state.average.state_dict(), state.curve, state.seconds, state.skipped_steps
            )
        )
    return members


def _train(
    settings: PretrainingSettings,
    seed: int,
    folder: Path,
    validation: Sequence[SeriesGroup],
    has_worker: bool,
) -> TrainingState:
    """Return the state after all steps of a seed."""
    path = folder / CHECKPOINT_FILE
    if path.exists():
        state = resume_training(settings, seed, path)
    else:
        state = start_training(settings, seed)
    if state.step == settings.steps:
        return state
    indices = range(state.step, settings.steps)
    begin = time.monotonic() - state.seconds
    with progress(f"training seed {seed}", settings.steps, "steps") as advance:
        advance(state.step, resumed=True)
        report = _Reporter(settings, state.step, advance)
        for batch in iterate_batches(settings.batch, seed, indices, has_worker):
            report(state.step + 1, take_step(state, settings, batch))
            is_last = state.step == settings.steps
            if is_last or state.step % settings.curve_every == 0:
                _add_point(state, settings, validation)
                write_curve(folder / CURVE_FILE, state.curve)
            if is_last or state.step % CHECKPOINT_STEPS == 0:
                state.seconds = time.monotonic() - begin
                save_checkpoint(state, settings, seed, path)
    return state


class _Reporter:
    """Shows loss and speed of the training in the display of its progress."""

    def __init__(self, settings: PretrainingSettings, step: int, advance: Callable[..., None]):
        self.series = settings.batch.groups * settings.batch.series
        self.first_step, self.advance = step, advance
        self.begin, self.loss = time.monotonic(), float("nan")

    def __call__(self, step: int, loss: float) -> None:
        # A mean of about the last 100 losses: single ones differ by the kind of their series.
        self.loss = loss if self.loss != self.loss else self.loss + 0.01 * (loss - self.loss)
        speed = (step - self.first_step) * self.series / (time.monotonic() - self.begin)
        self.advance(note=f"loss {self.loss:.4f}, {speed:,.0f} series/s")


def _add_point(
    state: TrainingState, settings: PretrainingSettings, validation: Sequence[SeriesGroup]
) -> None:
    """Add the quality of the averaged weights to the curve."""
    score = average_scores(score_networks([state.average], validation))
    since = state.curve[-1].step if state.curve else 0
    loss = state.loss_sum / max(1, state.step - since)
    state.curve.append(
        CurvePoint(
            state.step,
            loss,
            score.quantile_loss,
            score.absolute_error,
            score.coverage_80,
            score.coverage_95,
        )
    )
    state.loss_sum = 0.0


def load_member(weights: dict[str, Tensor]) -> PretrainedNetwork:
    """Return a network with the given weights, ready to forecast."""
    network = PretrainedNetwork()
    network.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return network.eval().requires_grad_(False)
