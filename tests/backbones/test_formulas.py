"""Each backbone against a slow implementation of its formula."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from revin_forecast import backbones
from revin_forecast.backbones.informer import ProbSparseAttention
from revin_forecast.backbones.times_net import _Inception
from revin_forecast.checks.samples import perturb

close = torch.testing.assert_close


def build(name, *sizes, **options):
    return perturb(getattr(backbones, name)(*sizes, **options)).double().eval()


def windows(*shape):
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize(("lookback", "horizon"), [(48, 12), (49, 24), (96, 96)])
def test_fits_is_a_map_of_spectra(lookback, horizon):
    model, past = build("FITS", lookback, horizon, 2), windows(3, lookback, 2)
    steps, count = lookback + horizon, model.real.shape[1]
    spectrum = torch.fft.rfft(past.mT)[..., :count]
    weight = torch.complex(model.real, model.imaginary)
    ahead = spectrum @ weight.mT + torch.complex(*model.bias)
    whole = torch.zeros(3, 2, steps // 2 + 1, dtype=torch.complex128)
    whole[..., : ahead.shape[-1]] = ahead
    expected = torch.fft.irfft(whole, n=steps)[..., -horizon:] * steps / lookback
    close(model(past), expected.mT, rtol=1e-6, atol=1e-6)


def test_sparse_tsf_maps_each_phase_of_the_season():
    model, past = build("SparseTSF", 26, 9, 1, season=5), windows(1, 26, 1)
    series, kernel = past.flatten(), model.smooth.weight.flatten()
    padded = nn.functional.pad(series, (2, 2))
    smooth = series + torch.stack([padded[i : i + 5] @ kernel for i in range(26)])
    seasons = smooth[-25:].reshape(5, 5)  # rows are seasons, columns phases
    expected = (model.map.weight @ seasons).flatten()[:9]
    close(model(past).flatten(), expected)


def test_sparse_tsf_starts_as_the_mean_of_the_seasons():
    past = windows(2, 26, 3)
    forecast = backbones.SparseTSF(26, 9, 3, season=5).double()(past)
    mean = past[:, -25:].reshape(2, 5, 5, 3).mean(1)
    close(forecast, torch.cat([mean, mean[:, :4]], dim=1))


def test_cycle_net_adds_its_cycle_to_the_forecast():
    model, past = build("CycleNet", 30, 10, 2, cycle=7), windows(4, 30, 2)
    known = torch.arange(40.0).reshape(1, 40, 1) + torch.tensor([0, 3, 100, 5]).reshape(4, 1, 1)
    before = model(past, known=known)
    cycle = windows(7, 2)
    with torch.no_grad():
        model.table += cycle
    along = cycle[known[..., 0].long() % 7]
    close(model(past + along[:, :30], known=known), before + along[:, 30:])


def test_mlp_in_numpy():
    model, past = build("MLP", 12, 5, 3, width=16, dropout=0.5), windows(4, 12, 3)
    first, second = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in (model.layers[0], model.layers[-1])
    )
    expected = np.empty((4, 5, 3))
    for window, channel in np.ndindex(4, 3):
        hidden = np.maximum(first[0] @ past[window, :, channel].numpy() + first[1], 0)
        expected[window, :, channel] = second[0] @ hidden + second[1]
    close(model(past), torch.from_numpy(expected))


def test_mlp_drops_from_its_hidden_layer_in_training_only():
    model, past = build("MLP", 12, 5, 3, dropout=0.5), windows(4, 12, 3)
    close(model(past), model(past))
    assert not torch.allclose(model.train()(past), model(past))
    with pytest.raises(ValueError, match="MLP needs width >= 1 but got 0"):
        backbones.MLP(12, 5, 3, width=0)


def test_seg_rnn_forecasts_every_segment_from_the_last_state():
    model, past = build("SegRNN", 50, 30, 2, segment=12, width=8), windows(3, 50, 2)
    expected = torch.empty(3, 30, 2, dtype=torch.float64)
    for channel in range(2):
        series = past[..., channel]
        padded = torch.cat([series[:, :1].expand(-1, 10), series], dim=1).reshape(3, 5, 12)
        state = torch.zeros(1, 3, 8, dtype=torch.float64)
        for segment in range(5):
            _, state = model.rnn(model.embed(padded[:, segment : segment + 1]), state)
        parts = []
        for index in range(3):
            token = torch.cat([model.places[index], model.series[channel]]).expand(3, 1, -1)
            parts.append(model.decode(model.rnn(token, state)[0].squeeze(1)))
        expected[..., channel] = torch.cat(parts, dim=1)[:, :30]
    close(model(past), expected)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_recurrent_nets_map_their_last_state(kind):
    model, past = build(kind, 12, 4, 3, width=8, layers=2), windows(2, 12, 3)
    state = model.rnn(past)[1]
    last = state[0][-1] if kind == "LSTM" else state[-1]
    close(model(past), model.map[1](last).reshape(2, 4, 3))
    fresh = backbones.LSTM(12, 4, 3, width=8)
    assert fresh.rnn.bias_ih_l0[8:16].tolist() == [1.0] * 8


def test_nbeats_subtracts_backcasts_and_adds_forecasts():
    model = build("NBEATS", 20, 6, 1, stacks=("trend", "seasonality"), blocks=2, width=16)
    residual, total = windows(5, 20, 1), 0
    past = residual
    for stack in model.stacks:
        for block in stack:
            backcast, forecast = block(residual.squeeze(-1))
            residual = residual if backcast is None else residual - backcast.unsqueeze(-1)
            total = total + forecast
    close(model(past).squeeze(-1), total)
    trend, season = model.stack_forecasts(past)
    assert trend.diff(n=4, dim=1).abs().max() < 1e-5 < trend.diff(n=1, dim=1).abs().max()
    spectrum = torch.fft.rfft(season.squeeze(-1))
    assert spectrum.abs().max() > 1e-3
    close(trend + season, model(past))


def test_nbeats_shares_the_blocks_of_a_stack():
    model = backbones.NBEATS(20, 6, 1, stacks=("trend", "generic"), blocks=3, shared=True)
    for stack in model.stacks:
        assert stack[0] is stack[1] is stack[2]


def test_nhits_interpolates_linearly_between_knots():
    model, past = build("NHITS", 48, 24, 1, pools=[4], ratios=[8], width=16), windows(3, 48, 1)
    knots = model.blocks[0].layers(past.mT.unflatten(-1, (12, 4)).amax(-1)).squeeze(1)
    position = ((torch.arange(24) + 0.5) / 8 - 0.5).clamp(0, 2).double()
    before = position.long().clamp(max=1)
    expected = knots[:, before] + (knots[:, before + 1] - knots[:, before]) * (position - before)
    close(model(past).squeeze(-1), expected)


def test_tide_without_known_inputs_by_hand():
    model, past = build("TiDE", 12, 5, 2, width=16), windows(3, 12, 2)

    def block(part, values):
        inner = part.layers[2](part.layers[0](values).relu())
        return part.norm(inner + part.skip(values))

    expected = torch.empty(3, 5, 2, dtype=torch.float64)
    for channel in range(2):
        series = past[..., channel]
        hidden = series
        for part in model.dense:
            hidden = block(part, hidden)
        steps = [block(model.step, step) for step in hidden.reshape(3, 5, 8).unbind(1)]
        expected[..., channel] = torch.cat(steps, dim=1) + model.map(series)
    close(model(past), expected)


def test_tide_uses_the_known_inputs_of_all_steps():
    model, past = build("TiDE", 12, 5, 1, covariates=2), windows(1, 12, 1)
    known = windows(1, 17, 2).requires_grad_()
    (gradient,) = torch.autograd.grad(model(past, known=known)[0, 2, 0], known)
    assert (gradient.abs().sum(-1) > 0).all()


def test_tsmixer_mixes_time_then_channels():
    model, past = build("TSMixer", 10, 4, 3, blocks=1, width=8), windows(5, 10, 3)
    block = model.blocks[0]

    def apply_norm(norm, values):
        flat = values.flatten(1)
        return (flat / math.sqrt(1 + norm.eps) * norm.weight + norm.bias).view_as(values)

    series = past.mT
    series = (
        series
        + (apply_norm(block.norms[0], series) @ block.time[0].weight.mT + block.time[0].bias).relu()
    )
    hidden = (
        apply_norm(block.norms[1], series).mT @ block.channels[0].weight.mT + block.channels[0].bias
    ).relu()
    series = series + (hidden @ block.channels[3].weight.mT + block.channels[3].bias).mT
    close(model(past), model.map(series).mT)


def dense(layer, tokens, tau, delta, causal):
    query, keys, values = layer.project(tokens, None)
    logits = query @ keys.mT * tau.reshape(-1, 1, 1, 1) + delta[:, None, None]
    logits = logits / math.sqrt(query.shape[-1])
    if causal:
        later = torch.ones(logits.shape[-2:], dtype=torch.bool).triu(1)
        logits = logits.masked_fill(later, -torch.inf)
    return logits, logits.softmax(-1) @ values, values


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_prob_sparse_attention_is_full_attention_of_the_active_queries(causal, training):
    layer = perturb(ProbSparseAttention(8, 2)).double().train(training)
    tau, delta = torch.rand(3).double() + 0.5, windows(3, 40)
    few = windows(3, 9, 8)
    _, mixed, _ = dense(layer, few, tau, delta[:, :9], causal)
    close(layer.attend(few, tau, delta[:, :9], causal), layer.merge_heads(mixed))

    many = windows(3, 40, 8) * 3
    logits, mixed, values = dense(layer, many, tau, 0 * delta, causal)
    got = layer.attend(many, tau, None, causal)
    count = torch.arange(1, 41).double().unsqueeze(-1)
    mean_values = (
        values.cumsum(2) / count if causal else values.mean(2, keepdim=True).expand_as(values)
    )
    layer.out = nn.Identity()
    layer.eval()
    heads = layer.attend(many, tau, None, causal).unflatten(-1, (2, 4)).transpose(1, 2)
    is_active = (heads - mixed).abs().amax(-1) < 1e-9
    is_mean = (heads - mean_values).abs().amax(-1) < 1e-9
    assert (is_active | is_mean).all()
    assert (is_active.sum(-1) >= 20).all()
    assert (~is_active).sum() > 0
    assert got.isfinite().all()
    if not causal:  # active queries have larger activity on average
        spread = logits.amax(-1) - logits.mean(-1)
        assert spread[is_active].mean() > spread[~is_active].mean()


def test_informer_uses_tau_and_delta():
    from revin_forecast.utils.shapes import DestationaryFactors

    model, past = build("Informer", 24, 6, 2, width=16), windows(3, 24, 2)
    neutral = DestationaryFactors(torch.ones(3), torch.zeros(3, 24))
    close(model(past, neutral), model(past))
    assert not torch.allclose(
        model(past, DestationaryFactors(torch.full((3,), 3.0), neutral.delta)), model(past)
    )
    assert not torch.allclose(
        model(past, DestationaryFactors(neutral.tau, windows(3, 24).float())), model(past)
    )


def test_informer_decoder_input_is_the_second_half_of_the_window():
    model, past = build("Informer", 24, 6, 2, width=16), windows(1, 24, 2)
    recorded_inputs = []
    model.decoder_embedding.register_forward_hook(
        lambda _, inputs, __: recorded_inputs.append(inputs[0])
    )
    model(past)
    close(recorded_inputs[0][:, :12], past[:, 12:])
    assert recorded_inputs[0][:, 12:].abs().sum() == 0


def test_inverted_transformer_is_equivariant_to_the_order_of_channels():
    model, past = build("InvertedTransformer", 20, 5, 4), windows(3, 20, 4)
    order = [2, 0, 3, 1]
    close(model(past[..., order]), model(past)[..., order])


def test_patch_tst_cuts_patches_as_in_the_paper():
    model, past = build("PatchTST", 40, 7, 1, patch=16, width=8), windows(2, 40, 1)
    recorded_inputs = []
    model.embed.register_forward_hook(lambda _, inputs, __: recorded_inputs.append(inputs[0]))
    model(past)
    padded = torch.cat([past[..., 0], past[:, -1:, 0].expand(-1, 8)], dim=1)
    expected = torch.stack([padded[:, start : start + 16] for start in range(0, 33, 8)], dim=1)
    close(recorded_inputs[0], expected)


def sci_node(model, level, node, series):
    """One node of the tree by its own nets: the slices of the grouped convolutions."""
    if level == len(model.trees[0]):
        return series
    nodes = 2**level
    layer, channels = model.trees[0][level], series.shape[1]

    def net(nets, index, values):
        first, second = nets[1], nets[4]
        inner = first.weight.shape[0] // first.groups
        first_channels = slice(index * inner, (index + 1) * inner)
        second_channels = slice(index * channels, (index + 1) * channels)
        values = nn.functional.pad(values, (3, 3), "replicate")
        values = nn.functional.conv1d(
            values, first.weight[first_channels], first.bias[first_channels]
        )
        values = nn.functional.leaky_relu(values, 0.01)
        return nn.functional.conv1d(
            values, second.weight[second_channels], second.bias[second_channels]
        ).tanh()

    even, odd = series[..., ::2], series[..., 1::2]
    indices = node, nodes + node
    even, odd = (
        even * net(layer.scale, indices[1], odd).exp(),
        odd * net(layer.scale, indices[0], even).exp(),
    )
    even, odd = even + net(layer.shift, indices[1], odd), odd + net(layer.shift, indices[0], even)
    even = sci_node(model, level + 1, node, even)
    odd = sci_node(model, level + 1, nodes + node, odd)
    return torch.stack([even, odd], dim=-1).flatten(-2)


def test_scinet_is_a_tree_of_interacting_halves():
    model, past = build("SCINet", 30, 5, 2, levels=3, expansion=2), windows(3, 30, 2)
    series = nn.functional.pad(past.mT, (2, 0), "replicate")
    expected = model.maps[0](series + sci_node(model, 0, 0, series))
    close(model(past), expected.mT)


def test_an_inception_block_is_the_mean_of_its_convolutions():
    block, picture = perturb(_Inception(3, 3)).double(), windows(2, 3, 7, 9)
    expected = torch.stack([convolution(picture) for convolution in block.convolutions]).mean(0)
    close(block(picture), expected)


def test_times_net_weights_periods_by_their_amplitude():
    model = build("TimesNet", 48, 24, 1, periods=[24, 10], width=4, blocks=1)
    time = torch.arange(72).double()
    strength = []
    for period in (24, 10):
        wave = torch.sin(2 * math.pi * time / period).reshape(1, 1, -1).expand(1, 4, -1)
        cosines, sines = (wave @ model.waves).unflatten(-1, (2, -1)).unbind(-2)
        strength.append((cosines.square() + sines.square()).sqrt().mean(1).flatten())
    assert strength[0][0] > 5 * strength[0][1]
    assert strength[1][1] > 5 * strength[1][0]


def test_tied_autoencoder_by_its_formula():
    model, past = build("TiedAutoencoder", 10, 25, 1, rank=4), windows(2, 10, 1)
    weight, window, parts = model.encoder.weight, past.squeeze(-1), []
    for _ in range(3):
        code = window @ weight.mT @ model.advance.weight.mT + model.advance.bias
        window = code @ weight + model.decoder.bias
        parts.append(window)
    close(model(past).squeeze(-1), torch.cat(parts, dim=1)[:, :25])


def test_patch_lm_is_causal_and_continues_from_its_predictions():
    model, past = build("PatchLM", 36, 20, 1, patch=12, width=16), windows(2, 36, 1)
    text = past.reshape(2, 3, 12)
    other = text.clone()
    other[:, 2] += 1
    close(model.predict_next_patches(other)[:, :2], model.predict_next_patches(text)[:, :2])
    first = model.predict_next_patches(text)[:, -1:]
    second = model.predict_next_patches(torch.cat([text[:, 1:], first], dim=1))[:, -1:]
    close(model(past).squeeze(-1), torch.cat([first, second], dim=1).flatten(1)[:, :20])
