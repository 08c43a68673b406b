"""TQNet: the phase of the cycle decides how channels are mixed."""

import pytest
import torch

from revin_forecast.backbones import TQNet
from revin_forecast.checks.samples import perturb

close = torch.testing.assert_close


def build(lookback=20, horizon=7, channels=3, **options):
    return perturb(TQNet(lookback, horizon, channels, cycle=9, width=8, **options)).double().eval()


def windows(model, first):
    past = torch.randn(2, model.lookback, model.channels, dtype=torch.float64)
    steps = torch.arange(first, first + model.lookback + model.horizon)
    return past, steps.double().reshape(1, -1, 1).expand(2, -1, 1)


@pytest.mark.parametrize(
    ("lookback", "heads"), [(36, 4), (37, 1), (38, 2), (39, 3), (3, 3), (2, 2), (1, 1)]
)
def test_heads_divide_the_lookback(lookback, heads):
    model = build(lookback)
    assert model.attention.heads == heads
    past, known = windows(model, 4)
    assert model(past, known=known).shape == (2, 7, 3)


def test_the_forecast_depends_on_the_phase_of_the_first_step():
    model = build()
    past, known = windows(model, 1000)
    close(model(past, known=known), model(past, known=known + 9 * 7))
    assert (model(past, known=known + 1) - model(past, known=known)).abs().max() > 1e-4


def test_queries_are_rows_of_the_table():
    model = build()
    past, known = windows(model, 5)
    query = model.table[(torch.arange(20) + 5) % 9].mT.expand(2, -1, -1)
    keys_values = model.attention.keys_values.weight.chunk(2), model.attention.keys_values.bias
    (keys_map, values_map), (keys_bias, values_bias) = keys_values[0], keys_values[1].chunk(2)
    query = query @ model.attention.query.weight.mT + model.attention.query.bias
    keys, values = past.mT @ keys_map.mT + keys_bias, past.mT @ values_map.mT + values_bias
    heads = []
    for part in torch.arange(20).chunk(4):
        logits = query[..., part] @ keys[..., part].mT / len(part) ** 0.5
        heads.append(logits.softmax(-1) @ values[..., part])
    mixed = torch.cat(heads, dim=-1) @ model.attention.out.weight.mT + model.attention.out.bias
    tokens = model.embed(past.mT + mixed)
    close(model(past, known=known), model.map(tokens + model.hidden(tokens)).mT)


def test_a_single_channel_has_no_use_for_the_table():
    model = build(channels=1)
    past, known = windows(model, 3)
    before = model(past, known=known)
    with torch.no_grad():
        model.table.normal_()
    close(model(past, known=known), before)


def test_attention_weights_are_dropped_in_training_only():
    model = build(dropout=0.0)
    past, known = windows(model, 3)
    close(model(past, known=known), model(past, known=known))
    assert not torch.allclose(model.train()(past, known=known), model.eval()(past, known=known))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cycle": 0}, "TQNet needs cycle >= 1 and width >= 1 but got 0 and 128"),
        ({"width": 0}, "TQNet needs cycle >= 1 and width >= 1 but got 24 and 0"),
        ({"covariates": 2}, "as its 1 known input but got covariates=2. Leave covariates out"),
    ],
)
def test_unsuitable_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TQNet(20, 7, 3, **options)
