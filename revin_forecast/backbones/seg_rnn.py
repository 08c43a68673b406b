import torch
from torch import nn

from revin_forecast.backbones.base import Backbone
from revin_forecast.backbones.layers import Dropout, cut_segments
from revin_forecast.shapes import Future, Past


class SegRNN(Backbone):
    """A recurrent net over segments, not steps, that forecasts all segments at once (SegRNN).

    Lin et al., 2023 (arXiv:2308.11200), with its parallel decoding: each segment of the horizon is
    one step of the same GRU from the last state, told apart by an embedding of its place and of
    the channel. A window that is no whole number of segments begins with its first value repeated.
    Left out: decoding one segment after another; the last value that the paper takes away, which
    is a normalizer's work.

    With m = ceil(horizon / segment): (segment + 1) width + 6 width (width + 1)
    + (m + channels) width / 2 + (width + 1) segment parameters.

    Args:
        lookback: steps it sees.
        horizon: steps it forecasts.
        channels: series it sees and forecasts.
        segment: steps in a segment.
        width: of the state; even.
        dropout: share of the decoded state dropped in training.
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
        """Read each channel's segments and forecast all of its horizon's at once."""
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
        ahead = self.decode(state.squeeze(0)).reshape(past.shape[0], self.channels, -1)
        return ahead[..., : self.horizon].mT
