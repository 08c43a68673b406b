"""Train the variants of the pretrained network on the same synthetic batches, step by step."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from safetensors.torch import load_file, save_file

from benchmarks.accuracy.zero_shot_variants import FULL, Variant
from revin_forecast.pretrained.synthetic_batches import BatchSettings, SyntheticBatches
from revin_forecast.pretrained.training_state import (
    PretrainingSettings,
    TrainingState,
    resume_training,
    save_checkpoint,
    start_training,
    take_step,
)
from revin_forecast.utils.progress import progress

CHECKPOINT_STEPS = 50
SETTINGS = PretrainingSettings(
    steps=700, batch=BatchSettings(groups=4, series=64, steps=12), average_decay=0.98
)
"""A short training: half the series a step of the shipped one, and a shorter average."""
PAIR_SEEDS = (1, 2)
"""Seeds of the two networks that are averaged; the other trainings have seed 0."""


def train_variants(
    variants: Sequence[Variant],
    settings: PretrainingSettings,
    folder: Path,
    seed: int = 0,
) -> dict[str, Path]:
    """Train all variants at once and return the file of weights of each, by its name.

    The variants take turns on every batch, so that each has seen the same series after as many
    steps, and the batches are built once. An interrupted run continues at its last checkpoint.
    """
    paths = {variant.name: folder / variant.name.replace(" ", "_") for variant in variants}
    states: list[TrainingState] = []
    for variant in variants:
        paths[variant.name].mkdir(parents=True, exist_ok=True)
        with variant.applied():
            states.append(_load_state(settings, seed, _find_checkpoint(paths[variant.name])))
    batches = SyntheticBatches(settings.batch, seed)
    # An interruption between two checkpoints leaves some variants ahead of others.
    first = min(state.step for state in states)
    with progress("training", settings.steps, "steps") as advance:
        advance(first, resumed=True)
        for index in range(first, settings.steps):
            batch = batches[index]
            is_due = index + 1 == settings.steps or (index + 1) % CHECKPOINT_STEPS == 0
            for variant, state in zip(variants, states, strict=True):
                if state.step == index:
                    with variant.applied():
                        take_step(state, settings, batch)
                        if is_due:
                            path = _find_checkpoint(paths[variant.name])
                            save_checkpoint(state, settings, seed, path)
            advance()
    return {
        variant.name: _write_weights(state, paths[variant.name])
        for variant, state in zip(variants, states, strict=True)
    }


def train_pair(settings: PretrainingSettings, folder: Path) -> Path:
    """Train two networks of other seeds for half the steps; return a file with both."""
    half = replace(settings, steps=settings.steps // 2)
    both = {}
    for member, seed in enumerate(PAIR_SEEDS):
        path = train_variants([FULL], half, folder / f"seed_{seed}", seed)[FULL.name]
        for name, tensor in load_file(path).items():
            both[name.replace("members.0.", f"members.{member}.", 1)] = tensor
    path = folder / "pair.safetensors"
    save_file(both, path)
    return path


def _find_checkpoint(folder: Path) -> Path:
    return folder / "last.pt"


def _load_state(settings: PretrainingSettings, seed: int, path: Path) -> TrainingState:
    if path.exists():
        return resume_training(settings, seed, path)
    return start_training(settings, seed)


def _write_weights(state: TrainingState, folder: Path) -> Path:
    """Write the averaged weights in float16, as the package stores them."""
    weights = state.average.state_dict()
    halves = {f"members.0.{name}": tensor.half() for name, tensor in weights.items()}
    path = folder / "weights.safetensors"
    save_file(halves, path)
    return path
