"""SegRNN: a recurrent network over segments with parallel decoding."""

import torch
from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout, cut_segments
from revin_forecast.utils.shapes import Future, Past


class SegRNN(Backbone):
    """A recurrent network over segments that forecasts all future segments at once (SegRNN).

    Lin et al., 2023 (arXiv:2308.11200), with its parallel decoding: each segment of the horizon is
    one step of the same GRU from the last state. Its input identifies the segment by embeddings of
    its position and of the channel. If the look-back is not a multiple of the segment, the first
    value is repeated in front. Left out: decoding one segment after another; the paper's
    subtraction of the last value, which is the task of a normalizer.

    With m = ceil(horizon / segment): (segment + 1) width + 6 width (width + 1)
    + (m + channels) width / 2 + (width + 1) segment parameters.

    Args:
        lookback: steps in the input window.
        horizon: steps to forecast.
        channels: number of series, all of them forecast.
        segment: steps in a segment.
        width: width of the state; even.
        dropout: dropout rate of the decoded state.

    Raises:
        ValueError: the segment is below 1, or the width is odd.
    """

    channel_independent = True

    def __init__(
        self,
        lookback: int,
        horizon: int,
        channels: int,
        segment: int = 24,
        width: int = 128,
        dropout: float = 0.3,
    ):
        super().__init__(lookback, horizon, channels)
        if segment < 1 or width % 2:
            raise ValueError(
                f"SegRNN needs a segment >= 1 and an even width but got {segment} and {width}."
            )
        self.segment = segment
        self.segment_count = -(-horizon // segment)
        self.embed = nn.Sequential(nn.Linear(segment, width), nn.ReLU())
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.places = nn.Parameter(torch.randn(self.segment_count, width // 2))
        self.series = nn.Parameter(torch.randn(channels, width // 2))
        self.decode = nn.Sequential(Dropout(dropout), nn.Linear(width, segment))

    def forward(self, past: Past) -> Future:
        """Encode each channel's segments and decode all segments of the horizon at once."""
        self.check_past(past)
        _, state = self.rnn(self.embed(cut_segments(past, self.segment)))
        tokens = torch.cat(
            [
                self.places.expand(self.channels, -1, -1),
                self.series.unsqueeze(1).expand(-1, self.segment_count, -1),
            ],
            dim=-1,
        )
        tokens = tokens.flatten(0, 1).repeat(past.shape[0], 1).unsqueeze(1)
        _, state = self.rnn(tokens, state.repeat_interleave(self.segment_count, dim=1))
        forecast = self.decode(state.squeeze(0)).reshape(past.shape[0], self.channels, -1)
        return forecast[..., : self.horizon].mT
