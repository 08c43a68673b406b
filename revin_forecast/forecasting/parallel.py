"""Forecast many series with one model in parallel, in tasks that an engine's workers run."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.models.reversible import Reversible
from revin_forecast.training.model_config import ModelConfig
from revin_forecast.utils.parallel import Engine
from revin_forecast.utils.shapes import Future, Past

SERIES_PER_TASK = 512
"""Series in a task, the same for every engine: equal tasks have equal rounding."""


def predict_parallel(
    fitted: FittedModel, past: Past, engine: Engine, levels: Sequence[float] = ()
) -> tuple[Future, Tensor | None]:
    """Forecast windows in standardized units, `SERIES_PER_TASK` series a task.

    Args:
        fitted: a model that forecasts each series from that series alone.
        past: (batch, lookback, channels), NaN where unobserved.
        engine: runs the tasks.
        levels: levels of the quantiles to forecast, between 0 and 1, ascending.

    Returns:
        The forecast, (batch, horizon, channels), and its quantiles, (batch, horizon, channels,
        levels); None without levels.

    Raises:
        InputError: the model mixes series, takes known inputs, or does not forecast all series.
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
    """Return the same model for the series with indices from `first` to before `stop`."""
    channels = len(fitted.history.names)
    indices = list(range(*slice(first, stop).indices(channels)))
    return replace(
        fitted,
        model=_select_channels(fitted.model, fitted.config, channels, indices),
        standardizer=fitted.standardizer.select(indices),
        history=fitted.history.select([fitted.history.names[index] for index in indices]),
        intervals=None if fitted.intervals is None else fitted.intervals.select(indices),
        value_range=fitted.value_range and fitted.value_range.select(indices),
        naive_scale=None if fitted.naive_scale is None else fitted.naive_scale[indices],
        update_state=None,  # a forecast needs no rows but the last ones
    )


def _select_channels(
    model: Reversible, config: ModelConfig, channels: int, indices: Sequence[int]
) -> Reversible:
    """Build the model for some channels; parameters of one entry per channel are indexed."""
    if len(indices) == channels:
        return model
    channel_index = torch.tensor(indices)
    smaller_model, state = config.build(len(indices)), model.state_dict()
    smaller_model.load_state_dict(
        {
            name: _index_to_shape(state[name], tensor.shape, channel_index)
            for name, tensor in smaller_model.state_dict().items()
        }
    )
    return smaller_model.eval()


def _index_to_shape(tensor: Tensor, shape: torch.Size, index: Tensor) -> Tensor:
    """Select an index along every axis whose size differs from a shape's."""
    for axis, (size, target_size) in enumerate(zip(tensor.shape, shape, strict=True)):
        if size != target_size:
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
            "an engine distributes models without known inputs, but this one has "
            f"{list(fitted.config.covariates)}. Leave --engine out."
        )
    if fitted.model.normalizer.targets is not None:
        raise InputError(
            "an engine distributes models that forecast every series, but this one uses some only "
            "as inputs. Leave --engine out."
        )
    if not _is_channel_independent(fitted.model):
        raise InputError(
            "an engine distributes models that forecast each series from that series alone, but "
            f"{fitted.config.backbone.name} or its normalizer mixes several. "
            "Leave --engine out, or name another backbone."
        )


def _is_channel_independent(model: nn.Module) -> bool:
    """Return whether each channel's forecast depends on that channel only."""
    if isinstance(model, Reversible):
        return not model.normalizer.mixes_channels and _is_channel_independent(model.backbone)
    if getattr(model, "channel_independent", False):
        return True
    # Otherwise its members must be; a module that does not declare it may mix channels.
    members = getattr(model, "members", None)
    return isinstance(members, nn.ModuleList) and all(map(_is_channel_independent, members))
