"""The constructors of the layers that the field copies."""

from revin_forecast.normalizers.compat.mode_normalizer import ModeNormalizer


class ReferenceRevIN(ModeNormalizer):
    """The authors' RevIN layer (Kim et al., ICLR 2022) with the call of its published code.

    z = w (x - mean) / sqrt(variance + eps) + b, and y = (z - b) / w * sqrt(variance + eps) + mean,
    with the window's own mean and biased variance. Import it as
    `revin_forecast.normalizers.compat.RevIN`.

    Args:
        num_features: channels of windows and forecasts.
        eps: added to the variance; 0 replaces a variance of zero by 1 instead.
        affine: learn w and b, `affine_weight` and `affine_bias` of shape (num_features,).
        subtract_last: subtract the last value of the window instead of its mean.

    Raises:
        ValueError: a negative eps, or no channels.

    >>> import torch
    >>> from revin_forecast.normalizers.compat import RevIN
    >>> revin = RevIN(num_features=3)
    >>> x = torch.randn(32, 96, 3) * 5 + 1000
    >>> torch.allclose(revin(revin(x, "norm"), "denorm"), x)
    True
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = True,
        subtract_last: bool = False,
    ):
        super().__init__(num_features, eps, affine, subtract_last, non_norm=False)


class Normalize(ModeNormalizer):
    """`Normalize` of the Time-Series-Library: RevIN without affine parameters by default.

    Args:
        num_features: channels of windows and forecasts.
        eps: as for `ReferenceRevIN`.
        affine: as for `ReferenceRevIN`, but off by default.
        subtract_last: as for `ReferenceRevIN`.
        non_norm: return windows and forecasts unchanged; the parameters are then unused.

    Raises:
        ValueError: a negative eps, or no channels.

    >>> import torch
    >>> from revin_forecast.normalizers.compat import Normalize
    >>> layer = Normalize(3, non_norm=True)
    >>> x = torch.randn(32, 96, 3)
    >>> layer(x, "norm") is x
    True
    """

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        affine: bool = False,
        subtract_last: bool = False,
        non_norm: bool = False,
    ):
        super().__init__(num_features, eps, affine, subtract_last, non_norm)
