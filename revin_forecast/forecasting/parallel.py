"""One model's forecast of many series, made in parts by the workers of an engine."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.models.intervals import ConformalIntervals
from revin_forecast.models.reversible import Reversible
from revin_forecast.parallel import Engine
from revin_forecast.training.model_config import ModelConfig

SERIES_PER_TASK = 512
"""Series in a part, whoever does it: the same parts have the same rounding."""


def predict_parallel(
    fitted: FittedModel, past: Tensor, engine: Engine, levels: Sequence[float] = ()
) -> tuple[Tensor, Tensor | None]:
    """Forecast windows in standardized units, `SERIES_AT_ONCE` series a task.

    Args:
        fitted: a model in which each series is forecast from itself alone.
        past: (batch, lookback, channels), NaN where unobserved.
        engine: does the tasks.
        levels: between 0 and 1, ascending: quantiles wanted, too.

    Returns:
        The forecast, (batch, horizon, channels), and its quantiles, (batch, horizon, channels,
        levels); None without levels.

    Raises:
        InputError: the model mixes series, or takes known inputs.
    """
    _check_parallelizable(fitted)
    tasks = [
        (select_series(fitted, first, first + SERIES_PER_TASK), part, tuple(levels))
        for first, part in zip(
            range(0, past.shape[2], SERIES_PER_TASK),
            past.split(SERIES_PER_TASK, dim=2),
            strict=True,
        )
    ]
    forecasts, quantiles = zip(*engine.map(_forecast_task, tasks), strict=True)
    return torch.cat(forecasts, dim=2), torch.cat(quantiles, dim=2) if levels else None


def select_series(fitted: FittedModel, first: int, stop: int) -> FittedModel:
    """Return the same model for the series from number `first` to before `stop`."""
    channels = len(fitted.history.names)
    places = list(range(*slice(first, stop).indices(channels)))
    intervals = fitted.intervals
    if intervals is not None and intervals.scores.shape[2] == channels > 1:
        intervals = ConformalIntervals(intervals.scores[:, :, places])
    return replace(
        fitted,
        model=_model_for_channels(fitted.model, fitted.config, channels, places),
        standardizer=fitted.standardizer.select(places),
        history=fitted.history.select([fitted.history.names[place] for place in places]),
        intervals=intervals,
    )


def _model_for_channels(
    model: Reversible, recipe: ModelConfig, channels: int, places: Sequence[int]
) -> Reversible:
    """Build the model for fewer channels; where it differs in shape, it has theirs of the whole."""
    if len(places) == channels:
        return model
    index = torch.tensor(places)
    part, whole = recipe.build(len(places)), model.state_dict()
    found = {
        name: _shrink_to_shape(whole[name], mine.shape, index)
        for name, mine in part.state_dict().items()
    }
    part.load_state_dict(found)
    return part.eval()


def _shrink_to_shape(tensor: Tensor, wanted: torch.Size, index: Tensor) -> Tensor:
    for axis, (size, other) in enumerate(zip(tensor.shape, wanted, strict=True)):
        if size != other:
            tensor = tensor.index_select(axis, index)
    return tensor


@torch.inference_mode()
def _forecast_task(
    task: tuple[FittedModel, Tensor, tuple[float, ...]],
) -> tuple[Tensor, Tensor | None]:
    fitted, past, levels = task
    return fitted.forecast(past), fitted.quantiles(past, levels) if levels else None


def _check_parallelizable(fitted: FittedModel) -> None:
    if fitted.config.covariates:
        raise InputError(
            "an engine spreads models without known inputs, but this one has "
            f"{list(fitted.config.covariates)}. Leave --engine out."
        )
    if fitted.model.normalizer.targets is not None:
        raise InputError(
            "an engine spreads models that forecast every series, but this one uses some only as "
            "inputs. Leave --engine out."
        )
    if not _is_channel_independent(fitted.model):
        raise InputError(
            "an engine spreads models that forecast each series from itself alone, but "
            f"{fitted.config.backbone.name} or its normalizer looks at several. "
            "Leave --engine out, or name another backbone."
        )


def _is_channel_independent(model: nn.Module) -> bool:
    """Return whether each channel's forecast depends on that channel only."""
    if isinstance(model, Reversible):
        return not model.normalizer.mixes_channels and _is_channel_independent(model.backbone)
    members = getattr(model, "members", None)
    if isinstance(members, nn.ModuleList):
        return all(map(_is_channel_independent, members))
    return bool(getattr(model, "channel_independent", False))
