"""One model's forecast of many series, made in parts by the workers of an engine."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from revin_forecast.engines import Engine
from revin_forecast.errors import InputError
from revin_forecast.fitted import Fitted
from revin_forecast.fitting import Recipe
from revin_forecast.intervals import Intervals
from revin_forecast.reversible import Reversible

SERIES_AT_ONCE = 512
"""Series in a part, whoever does it: the same parts have the same rounding."""


def predict_spread(
    fitted: Fitted, past: Tensor, engine: Engine, levels: Sequence[float] = ()
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
    _check_spreads(fitted)
    tasks = [
        (part_of(fitted, first, first + SERIES_AT_ONCE), part, tuple(levels))
        for first, part in zip(
            range(0, past.shape[2], SERIES_AT_ONCE), past.split(SERIES_AT_ONCE, dim=2), strict=True
        )
    ]
    forecasts, quantiles = zip(*engine.map(_predict, tasks), strict=True)
    return torch.cat(forecasts, dim=2), torch.cat(quantiles, dim=2) if levels else None


def part_of(fitted: Fitted, first: int, stop: int) -> Fitted:
    """Return the same model for the series from number `first` to before `stop`."""
    channels = len(fitted.history.names)
    places = list(range(*slice(first, stop).indices(channels)))
    intervals = fitted.intervals
    if intervals is not None and intervals.scores.shape[2] == channels > 1:
        intervals = Intervals(intervals.scores[:, :, places])
    return replace(
        fitted,
        model=_narrowed(fitted.model, fitted.recipe, channels, places),
        standardizer=fitted.standardizer.select(places),
        history=fitted.history.select([fitted.history.names[place] for place in places]),
        intervals=intervals,
    )


def _narrowed(
    model: Reversible, recipe: Recipe, channels: int, places: Sequence[int]
) -> Reversible:
    """Build the model for fewer channels; where it differs in shape, it has theirs of the whole."""
    if len(places) == channels:
        return model
    index = torch.tensor(places)
    part, whole = recipe.build(len(places)), model.state_dict()
    found = {
        name: _selected(whole[name], mine.shape, index) for name, mine in part.state_dict().items()
    }
    part.load_state_dict(found)
    return part.eval()


def _selected(tensor: Tensor, wanted: torch.Size, index: Tensor) -> Tensor:
    for axis, (size, other) in enumerate(zip(tensor.shape, wanted, strict=True)):
        if size != other:
            tensor = tensor.index_select(axis, index)
    return tensor


@torch.inference_mode()
def _predict(
    task: tuple[Fitted, Tensor, tuple[float, ...]],
) -> tuple[Tensor, Tensor | None]:
    fitted, past, levels = task
    return fitted.forecast(past), fitted.quantiles(past, levels) if levels else None


def _check_spreads(fitted: Fitted) -> None:
    if fitted.recipe.covariates:
        raise InputError(
            "an engine spreads models without known inputs, but this one has "
            f"{list(fitted.recipe.covariates)}. Leave --engine out."
        )
    if fitted.model.normalizer.targets is not None:
        raise InputError(
            "an engine spreads models that forecast every series, but this one uses some only as "
            "inputs. Leave --engine out."
        )
    if not _apart(fitted.model):
        raise InputError(
            "an engine spreads models that forecast each series from itself alone, but "
            f"{fitted.recipe.backbone.name} or its normalizer looks at several. "
            "Leave --engine out, or name another backbone."
        )


def _apart(model: nn.Module) -> bool:
    """Return whether each channel's forecast depends on that channel only."""
    if isinstance(model, Reversible):
        return not model.normalizer.mixes_channels and _apart(model.backbone)
    members = getattr(model, "members", None)
    if isinstance(members, nn.ModuleList):
        return all(map(_apart, members))
    return bool(getattr(model, "channel_independent", False))
