"""The pretrained network with one part of it changed, for the ablations."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import torch
from torch import Tensor, nn

from revin_forecast.backbones import pretrained
from revin_forecast.normalizers.revin import RevIN
from revin_forecast.normalizers.statistics import LocationScale
from revin_forecast.pretrained import network, training_state
from revin_forecast.pretrained.gaps import find_extent
from revin_forecast.pretrained.in_sample_errors import measure_errors
from revin_forecast.pretrained.load_weights import load_networks
from revin_forecast.pretrained.loss import MAX_ERROR, MIDDLE, compute_pinball
from revin_forecast.pretrained.network import PreparedSeries, SeriesReader, select_context
from revin_forecast.pretrained.seasonal_index import SeasonalIndex
from revin_forecast.pretrained.series_statistics import BINS, LAST_ROWS, describe_series


@dataclass(frozen=True)
class Variant:
    """The network with one part changed; without changes the shipped one."""

    name: str
    """Short name, also of the folder of its training."""
    change: str
    """Description of the change."""
    replacements: tuple[tuple[Any, str, Any], ...] = ()
    """(module or class, name, value) of everything that differs."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Build, train and run networks of this variant inside the block.

        The package has no settings for its parts, so they are replaced; a name that no longer
        exists is an error.
        """
        with ExitStack() as stack:
            for place, name, value in self.replacements:
                stack.enter_context(mock.patch.object(place, name, value))
            yield


@contextmanager
def shipped_weights_replaced(path: Path | None) -> Iterator[None]:
    """Let `Pretrained` read another file of weights inside the block; None: the shipped one."""
    with ExitStack() as stack:
        if path is not None:
            read = partial(load_networks, path)
            stack.enter_context(mock.patch.object(pretrained, "load_networks", read))
        yield


def describe_without_statistics(*described: Any) -> Tensor:
    """Return the inputs of the encoder with 0 for all statistics of a series.

    The last rows, the means of the history and the course of the season remain.
    """
    features = describe_series(*described)
    kept = LAST_ROWS + 2 * BINS
    return nn.functional.pad(features[:, :kept], (0, features.shape[1] - kept))


def hide_errors(*measured: Any) -> Tensor:
    """Return equal errors of all simple forecasts in the series."""
    return torch.ones_like(measure_errors(*measured))


def keep_season(filled: Tensor, observed: Tensor, extent: Any, season: int) -> SeasonalIndex:
    """Return a seasonal index of 0, so that the season stays in the series.

    The network still gets the length of the season and the values of the last three seasons.
    """
    zero = filled.new_zeros(len(filled))
    return SeasonalIndex(filled.new_zeros(len(filled), season), zero, zero)


def average_pinball(quantiles: Tensor, truth: Tensor, levels: Sequence[float]) -> Tensor:
    """Return the mean pinball loss on the common scale, without weights of the series."""
    middle = quantiles[..., levels.index(MIDDLE)].detach()
    truth = middle + (truth - middle).clamp(-MAX_ERROR, MAX_ERROR)
    return compute_pinball(quantiles, truth, levels).mean()


class UnscaledReader(nn.Module):
    """Prepare series in the units of their data: location 0 and scale 1."""

    def __init__(self):
        super().__init__()
        self.reader = SeriesReader()

    def forward(
        self, values: Tensor, observed: Tensor, season: int, steps: Tensor
    ) -> PreparedSeries:
        """Prepare each series; see `SeriesReader.forward`."""
        recent, known = select_context(values, observed, season)
        recent = torch.where(known, recent, 0)
        # The inverse of the reader's own centring on the last value.
        row = recent.shape[1] - 1 - find_extent(known).end_gap
        last = recent.gather(1, row.clamp(min=0).unsqueeze(1))
        unit = torch.where(known, recent - last, 0).abs().amax(1, keepdim=True)
        unit = torch.where(unit > 0, unit, 1)
        self.reader.add_module("normalizer", _FixedScale(-last / unit, 1 / unit))
        return self.reader(values, observed, season, steps)


class _FixedScale(nn.Module):
    """Location and scale that do not depend on the window."""

    def __init__(self, location: Tensor, scale: Tensor):
        super().__init__()
        self.location, self.scale = location.unsqueeze(2), scale.unsqueeze(2)

    def statistics(self, past: Tensor, observed: Tensor | None) -> LocationScale:
        """Return the given location and scale."""
        location, scale = self.location.to(past), self.scale.to(past)
        return LocationScale(location, torch.zeros_like(location), scale)


FULL = Variant("full", "the shipped design")
PAIR = Variant("two seeds", "two networks of other seeds and half the steps, averaged")
VARIANTS = (
    FULL,
    Variant(
        "no statistics",
        "the encoder sees rows, means and the season only",
        ((network, "describe_series", describe_without_statistics),),
    ),
    Variant(
        "no errors",
        "the errors of the simple forecasts in the series are not seen",
        ((network, "measure_errors", hide_errors),),
    ),
    Variant(
        "season left in",
        "no seasonal index; the length of the season and its last values remain inputs",
        ((network, "estimate_seasonal_index", keep_season),),
    ),
    Variant(
        "no normalizer",
        "every series in the units of its data",
        (
            (network, "SeriesReader", UnscaledReader),
            (pretrained, "SeriesReader", UnscaledReader),
        ),
    ),
    Variant(
        "RevIN", "mean and standard deviation of the window", ((network, "DifferenceScale", RevIN),)
    ),
    Variant(
        "last value",
        "last value and standard deviation of the window",
        ((network, "DifferenceScale", partial(RevIN, statistic="last")),),
    ),
    Variant(
        "plain loss",
        "mean pinball on the common scale, not in units of the predicted width",
        ((training_state, "compute_loss", average_pinball),),
    ),
    Variant(
        "fewer weights",
        "a fifth of the weights",
        (
            (network, "ENCODER_SIZES", (80, 64, 64, 48)),
            (network, "DECODER_SIZES", (64, 48)),
        ),
    ),
)
