from torch import Tensor
from torch.nn import functional


def cut_segments(past: Tensor, length: int) -> Tensor:
    """Cut each channel's window into segments; its first value is repeated in front to fill them.

    Args:
        past: (batch, lookback, channels).
        length: steps in a segment.

    Returns:
        (batch * channels, ceil(lookback / length), length).

    >>> import torch
    >>> segments(torch.arange(3.0).reshape(1, 3, 1), length=2)
    tensor([[[0., 0.],
             [1., 2.]]])
    """
    series = past.mT.flatten(0, 1)
    missing = -past.shape[1] % length
    if missing:
        series = functional.pad(series.unsqueeze(1), (missing, 0), "replicate").squeeze(1)
    return series.unflatten(-1, (-1, length))
