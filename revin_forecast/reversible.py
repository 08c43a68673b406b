from torch import Tensor, nn

from revin_forecast.normalizers.base import Normalizer
from revin_forecast.normalizers.location_scale import observed_values
from revin_forecast.shapes import Future, Observed, Past


class Reversible(nn.Module):
    """Forecast on the normalizer's common scale, and hand the forecast back on the data's.

    Any module that maps (batch, lookback, channels) to (batch, horizon, targets) is a backbone,
    this class included, so wrappers nest.

    Args:
        backbone: forecasts in normalized units.
        normalizer: maps the window there and the forecast back, with the same parameters.

    >>> import torch
    >>> from revin_forecast import RevIN
    >>> class Net(nn.Linear):
    ...     def forward(self, past):
    ...         return super().forward(past.mT).mT
    >>> model = Reversible(Net(96, 24), RevIN(channels=3))
    >>> model(torch.randn(8, 96, 3)).shape
    torch.Size([8, 24, 3])
    """

    def __init__(self, backbone: nn.Module, normalizer: Normalizer):
        super().__init__()
        self.backbone = backbone
        self.normalizer = normalizer

    def forward(self, past: Past, observed: Observed | None = None) -> Future:
        """Return the forecast in data units.

        Args:
            past: (batch, lookback, channels). NaN and infinities count as unobserved.
            observed: True where really measured; None: wherever `past` is finite.
        """
        z, stats = self.normalizer.normalize(past, observed)
        if isinstance(self.backbone, Reversible):  # it wants to know, too: z has no gaps left
            seen = observed_values(past, observed)
            return self.normalizer.denormalize(self.backbone(z, seen), stats)
        return self.normalizer.denormalize(self.backbone(z), stats)


def forecast_channels(model: nn.Module, values: Tensor) -> Tensor:
    """Return those of (..., channels) that a model forecasts: its declared targets, or all."""
    if isinstance(model, Reversible) and model.normalizer.target_index is not None:
        return values.index_select(-1, model.normalizer.target_index)
    return values
