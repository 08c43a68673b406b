"""Adapters of networks with other axes and signatures."""

import pytest
import torch
from torch import nn

from revin_forecast import Reversible, RevIN
from revin_forecast.backbones import ChannelFirstAdapter, SingleSeriesAdapter, TSLibAdapter
from revin_forecast.checks import check_backbone


class Library(nn.Module):
    """A network like those of the Time-Series-Library, with its four arguments and output."""

    def __init__(self, lookback, horizon, channels, marks=0):
        super().__init__()
        self.encoder = nn.Linear(lookback, horizon)
        self.mix = nn.Linear(channels, channels)
        self.marks = nn.Linear(marks, channels) if marks else None
        self.horizon = horizon
        self.inputs = None

    def forward(self, x_enc, x_mark_enc, x_dec, x_mark_dec):
        inputs = (x_enc, x_mark_enc, x_dec, x_mark_dec)
        self.inputs = [None if value is None else value.detach() for value in inputs]
        decoded = self.mix(x_dec + x_enc[:, -1:])
        if self.marks is not None:
            decoded = decoded + self.marks(x_mark_dec) + self.marks(x_mark_enc).mean(1, True)
        ahead = decoded[:, -self.horizon :] + self.encoder(x_enc.mT).mT
        return torch.cat([decoded[:, : -self.horizon], ahead], dim=1)


def test_channel_first():
    net = nn.Conv1d(3, 3, 13)  # 24 steps to 12
    past = torch.randn(5, 24, 3)
    model = Reversible(ChannelFirstAdapter(net), RevIN(3))
    z, stats = model.normalizer.normalize(past)
    expected = model.normalizer.denormalize(net(z.transpose(1, 2)).transpose(1, 2), stats)
    torch.testing.assert_close(model(past), expected)


def test_single_series():
    net, past = nn.Linear(24, 12), torch.randn(5, 24, 3)
    expected = torch.stack([net(past[..., channel]) for channel in range(3)], dim=-1)
    torch.testing.assert_close(SingleSeriesAdapter(net)(past), expected)


def test_time_series_library_gets_its_four_arguments():
    net, past = Library(24, 12, 3, marks=2), torch.randn(5, 24, 3)
    known = torch.randn(5, 36, 2)
    model = TSLibAdapter(net, 24, 12, 3, label=8, covariates=2)
    forecast = Reversible(model, RevIN(3))(past, known=known)
    assert forecast.shape == (5, 12, 3)
    window, marks, decoded, decoded_marks = net.inputs
    torch.testing.assert_close(decoded[:, :8], window[:, -8:])
    assert decoded.shape == (5, 20, 3)
    assert decoded[:, 8:].abs().sum() == 0
    torch.testing.assert_close(marks, known[:, :24])
    torch.testing.assert_close(decoded_marks, known[:, 16:])
    with pytest.raises(ValueError, match="built for 2 known inputs of each of 36 steps but got no"):
        model(past)


def test_time_series_library_without_marks_and_with_attention_returned():
    net = Library(24, 12, 3)
    model = TSLibAdapter(net, 24, 12, 3)
    forecast = model(torch.randn(5, 24, 3))
    assert net.inputs[1] is None
    assert net.inputs[3] is None
    assert net.inputs[2].shape == (5, 24, 3)
    plain = net.forward
    net.forward = lambda *inputs: (plain(*inputs), "attention")
    assert model(torch.randn(5, 24, 3)).shape == forecast.shape


@pytest.mark.parametrize("label", [-1, 25])
def test_a_label_outside_the_look_back_raises_an_error(label):
    with pytest.raises(ValueError, match="needs a label within the look-back of 24 but got"):
        TSLibAdapter(Library(24, 12, 3), 24, 12, 3, label=label)


@pytest.mark.usefixtures("plain_shapes")
def test_adapted_networks_pass_the_contract(capsys):
    def library(lookback, horizon, channels):
        return TSLibAdapter(Library(lookback, horizon, channels), lookback, horizon, channels)

    check_backbone(library)
    assert "holds" in capsys.readouterr().out
