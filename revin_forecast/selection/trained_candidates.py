"""Rules for backbones that the automatic choice trains."""

from collections.abc import Sequence

from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.selection.candidates import EvaluatedCandidate
from revin_forecast.training.model_config import ModelConfig

MAX_TRAINED_LOOKBACK = 336
"""Longest look-back of a trained backbone."""


def choose_trained_lookback(evaluated: Sequence[EvaluatedCandidate], default: int) -> int:
    """Return the look-back of the best map, or the default without maps; at most 336 steps."""
    maps = [entry for entry in evaluated if entry.candidate.backbone.name == "Ridge"]
    best_map = min(maps, key=lambda entry: entry.mase) if maps else None
    return min(best_map.candidate.lookback if best_map else default, MAX_TRAINED_LOOKBACK)


def can_be_built(config: ModelConfig, channels: int) -> bool:
    """Return whether the look-back is long enough for a backbone, such as one of patches."""
    try:
        config.build(channels)
    except InputError:
        return False
    return True


def keep_if_all_rows(model: Reversible, all_rows: int, rows: int) -> Reversible | None:
    """Return a trained model in place of its refit on all rows; None for fewer rows.

    The model is not trained again; it has seen rows that a fit on fewer rows must not see.
    """
    return model if rows == all_rows else None
