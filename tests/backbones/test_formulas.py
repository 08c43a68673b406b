"""Each backbone against its formula, written down a second time the slow way."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from revin_forecast import backbones
from revin_forecast.backbones.informer import ProbSparseAttention
from revin_forecast.backbones.layers import Attention, Dropout
from revin_forecast.backbones.times_net import _Inception
from revin_forecast.checks.runner import perturb

close = torch.testing.assert_close


def made(name, *sizes, **options):
    return perturb(getattr(backbones, name)(*sizes, **options)).double().eval()


def windows(*shape):
    return torch.randn(shape, dtype=torch.float64)


@pytest.mark.parametrize(("lookback", "horizon"), [(48, 12), (49, 24), (96, 96)])
def test_fits_is_a_map_of_spectra(lookback, horizon):
    model, past = made("FITS", lookback, horizon, 2), windows(3, lookback, 2)
    steps, seen = lookback + horizon, model.real.shape[1]
    spectrum = torch.fft.rfft(past.mT)[..., :seen]
    weight = torch.complex(model.real, model.imaginary)
    ahead = spectrum @ weight.mT + torch.complex(*model.bias)
    whole = torch.zeros(3, 2, steps // 2 + 1, dtype=torch.complex128)
    whole[..., : ahead.shape[-1]] = ahead
    wanted = torch.fft.irfft(whole, n=steps)[..., -horizon:] * steps / lookback
    close(model(past), wanted.mT, rtol=1e-6, atol=1e-6)


def test_sparse_tsf_maps_each_place_of_the_season():
    model, past = made("SparseTSF", 26, 9, 1, season=5), windows(1, 26, 1)
    series, kernel = past.flatten(), model.smooth.weight.flatten()
    padded = nn.functional.pad(series, (2, 2))
    smooth = series + torch.stack([padded[i : i + 5] @ kernel for i in range(26)])
    seasons = smooth[-25:].reshape(5, 5)  # seasons down, places across
    wanted = (model.map.weight @ seasons).flatten()[:9]
    close(model(past).flatten(), wanted)


def test_sparse_tsf_starts_as_the_mean_of_the_seasons():
    past = windows(2, 26, 3)
    forecast = backbones.SparseTSF(26, 9, 3, season=5).double()(past)
    mean = past[:, -25:].reshape(2, 5, 5, 3).mean(1)
    close(forecast, torch.cat([mean, mean[:, :4]], dim=1))


def test_cycle_net_carries_the_cycle_over():
    model, past = made("CycleNet", 30, 10, 2, cycle=7), windows(4, 30, 2)
    known = torch.arange(40.0).reshape(1, 40, 1) + torch.tensor([0, 3, 100, 5]).reshape(4, 1, 1)
    before = model(past, known=known)
    cycle = windows(7, 2)
    with torch.no_grad():
        model.table += cycle
    along = cycle[known[..., 0].long() % 7]
    close(model(past + along[:, :30], known=known), before + along[:, 30:])


def test_mlp_in_numpy():
    model, past = made("MLP", 12, 5, 3, width=16, dropout=0.5), windows(4, 12, 3)
    first, second = (
        (layer.weight.detach().numpy(), layer.bias.detach().numpy())
        for layer in (model.layers[0], model.layers[-1])
    )
    wanted = np.empty((4, 5, 3))
    for window, channel in np.ndindex(4, 3):
        hidden = np.maximum(first[0] @ past[window, :, channel].numpy() + first[1], 0)
        wanted[window, :, channel] = second[0] @ hidden + second[1]
    close(model(past), torch.from_numpy(wanted))


def test_mlp_drops_from_its_hidden_layer_in_training_only():
    model, past = made("MLP", 12, 5, 3, dropout=0.5), windows(4, 12, 3)
    close(model(past), model(past))
    assert not torch.allclose(model.train()(past), model(past))
    with pytest.raises(ValueError, match="MLP needs width >= 1 but got 0"):
        backbones.MLP(12, 5, 3, width=0)


def test_seg_rnn_forecasts_every_segment_from_the_last_state():
    model, past = made("SegRNN", 50, 30, 2, segment=12, width=8), windows(3, 50, 2)
    wanted = torch.empty(3, 30, 2, dtype=torch.float64)
    for channel in range(2):
        series = past[..., channel]
        padded = torch.cat([series[:, :1].expand(-1, 10), series], dim=1).reshape(3, 5, 12)
        state = torch.zeros(1, 3, 8, dtype=torch.float64)
        for segment in range(5):
            _, state = model.rnn(model.embed(padded[:, segment : segment + 1]), state)
        parts = []
        for place in range(3):
            token = torch.cat([model.places[place], model.series[channel]]).expand(3, 1, -1)
            parts.append(model.decode(model.rnn(token, state)[0].squeeze(1)))
        wanted[..., channel] = torch.cat(parts, dim=1)[:, :30]
    close(model(past), wanted)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_recurrent_nets_map_their_last_state(kind):
    model, past = made(kind, 12, 4, 3, width=8, layers=2), windows(2, 12, 3)
    state = model.rnn(past)[1]
    last = state[0][-1] if kind == "LSTM" else state[-1]
    close(model(past), model.map[1](last).reshape(2, 4, 3))
    fresh = backbones.LSTM(12, 4, 3, width=8)
    assert fresh.rnn.bias_ih_l0[8:16].tolist() == [1.0] * 8


def test_nbeats_subtracts_backcasts_and_adds_forecasts():
    model = made("NBEATS", 20, 6, 1, stacks=("trend", "seasonality"), blocks=2, width=16)
    rest, total = windows(5, 20, 1), 0
    past = rest
    for stack in model.stacks:
        for block in stack:
            backcast, forecast = block(rest.squeeze(-1))
            rest = rest if backcast is None else rest - backcast.unsqueeze(-1)
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


def test_nhits_draws_lines_between_knots():
    model, past = made("NHITS", 48, 24, 1, pools=[4], ratios=[8], width=16), windows(3, 48, 1)
    knots = model.blocks[0].layers(past.mT.unflatten(-1, (12, 4)).amax(-1)).squeeze(1)
    place = ((torch.arange(24) + 0.5) / 8 - 0.5).clamp(0, 2).double()
    left = place.long().clamp(max=1)
    wanted = knots[:, left] + (knots[:, left + 1] - knots[:, left]) * (place - left)
    close(model(past).squeeze(-1), wanted)


def test_tide_without_known_inputs_by_hand():
    model, past = made("TiDE", 12, 5, 2, width=16), windows(3, 12, 2)

    def block(part, values):
        inner = part.layers[2](part.layers[0](values).relu())
        return part.norm(inner + part.skip(values))

    wanted = torch.empty(3, 5, 2, dtype=torch.float64)
    for channel in range(2):
        series = past[..., channel]
        hidden = series
        for part in model.dense:
            hidden = block(part, hidden)
        steps = [block(model.step, one) for one in hidden.reshape(3, 5, 8).unbind(1)]
        wanted[..., channel] = torch.cat(steps, dim=1) + model.map(series)
    close(model(past), wanted)


def test_tide_hears_of_the_step_that_it_forecasts():
    model, past = made("TiDE", 12, 5, 1, covariates=2), windows(1, 12, 1)
    known = windows(1, 17, 2).requires_grad_()
    (gradient,) = torch.autograd.grad(model(past, known=known)[0, 2, 0], known)
    assert (gradient.abs().sum(-1) > 0).all()


def test_tsmixer_mixes_time_then_channels():
    model, past = made("TSMixer", 10, 4, 3, blocks=1, width=8), windows(5, 10, 3)
    block = model.blocks[0]

    def normed(norm, values):
        flat = values.flatten(1)
        return (flat / math.sqrt(1 + norm.eps) * norm.weight + norm.bias).view_as(values)

    series = past.mT
    series = (
        series
        + (normed(block.norms[0], series) @ block.time[0].weight.mT + block.time[0].bias).relu()
    )
    hidden = (
        normed(block.norms[1], series).mT @ block.channels[0].weight.mT + block.channels[0].bias
    ).relu()
    series = series + (hidden @ block.channels[3].weight.mT + block.channels[3].bias).mT
    close(model(past), model.map(series).mT)


def test_attention_is_torchs():
    ours, theirs = (
        perturb(Attention(16, 4)).double(),
        nn.MultiheadAttention(16, 4, batch_first=True),
    )
    theirs = theirs.double()
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.keys_values.weight]))
        theirs.in_proj_bias.copy_(torch.cat([ours.query.bias, ours.keys_values.bias]))
        theirs.out_proj.load_state_dict(ours.out.state_dict())
    tokens, memory = windows(2, 7, 16), windows(2, 5, 16)
    close(ours(tokens), theirs(tokens, tokens, tokens)[0])
    close(ours(tokens, memory), theirs(tokens, memory, memory)[0])
    hidden = torch.ones(7, 7, dtype=torch.bool).triu(1)
    close(ours(tokens, causal=True), theirs(tokens, tokens, tokens, attn_mask=hidden)[0])
    tau = torch.tensor([0.5, 2.0]).double()
    before = ours(tokens, memory, tau)
    with torch.no_grad():
        ours.query.weight *= 2
        ours.query.bias *= 2
    close(ours(tokens[1:], memory[1:]), before[1:])


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
def test_prob_sparse_is_full_attention_of_the_queries_that_stand_out(causal, training):
    layer = perturb(ProbSparseAttention(8, 2)).double().train(training)
    tau, delta = torch.rand(3).double() + 0.5, windows(3, 40)
    few = windows(3, 9, 8)
    _, mixed, _ = dense(layer, few, tau, delta[:, :9], causal)
    close(layer.attend(few, tau, delta[:, :9], causal), layer.merge_heads(mixed))

    many = windows(3, 40, 8) * 3
    logits, mixed, values = dense(layer, many, tau, 0 * delta, causal)
    got = layer.attend(many, tau, None, causal)
    count = torch.arange(1, 41).double().unsqueeze(-1)
    lazy = values.cumsum(2) / count if causal else values.mean(2, keepdim=True).expand_as(values)
    layer.out = nn.Identity()
    layer.eval()
    heads = layer.attend(many, tau, None, causal).unflatten(-1, (2, 4)).transpose(1, 2)
    active = (heads - mixed).abs().amax(-1) < 1e-9
    resting = (heads - lazy).abs().amax(-1) < 1e-9
    assert (active | resting).all()
    assert (active.sum(-1) >= 20).all()
    assert (~active).sum() > 0
    assert got.isfinite().all()
    if not causal:  # on all keys, the chosen stand out more than the others on average
        spread = logits.amax(-1) - logits.mean(-1)
        assert spread[active].mean() > spread[~active].mean()


def test_informer_takes_delta_in_the_first_layer_and_tau_everywhere():
    from revin_forecast.shapes import DestationaryFactors

    model, past = made("Informer", 24, 6, 2, width=16), windows(3, 24, 2)
    neutral = DestationaryFactors(torch.ones(3), torch.zeros(3, 24))
    close(model(past, neutral), model(past))
    assert not torch.allclose(
        model(past, DestationaryFactors(torch.full((3,), 3.0), neutral.delta)), model(past)
    )
    assert not torch.allclose(
        model(past, DestationaryFactors(neutral.tau, windows(3, 24).float())), model(past)
    )


def test_informers_decoder_does_not_see_the_first_half_but_through_the_encoder():
    model, past = made("Informer", 24, 6, 2, width=16), windows(1, 24, 2)
    seen = []
    model.decoder_embedding.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    model(past)
    close(seen[0][:, :12], past[:, 12:])
    assert seen[0][:, 12:].abs().sum() == 0


def test_inverted_transformer_does_not_care_for_the_channels_order():
    model, past = made("InvertedTransformer", 20, 5, 4), windows(3, 20, 4)
    order = [2, 0, 3, 1]
    close(model(past[..., order]), model(past)[..., order])


def test_patch_tst_cuts_patches_as_the_paper():
    model, past = made("PatchTST", 40, 7, 1, patch=16, width=8), windows(2, 40, 1)
    seen = []
    model.embed.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    model(past)
    padded = torch.cat([past[..., 0], past[:, -1:, 0].expand(-1, 8)], dim=1)
    wanted = torch.stack([padded[:, start : start + 16] for start in range(0, 33, 8)], dim=1)
    close(seen[0], wanted)


def sci_node(model, level, node, series):
    """One node of the tree by its own nets: the slices of the grouped convolutions."""
    if level == len(model.trees[0]):
        return series
    nodes = 2**level
    layer, channels = model.trees[0][level], series.shape[1]

    def net(nets, place, values):
        first, second = nets[1], nets[4]
        inner = first.weight.shape[0] // first.groups
        one = slice(place * inner, (place + 1) * inner)
        two = slice(place * channels, (place + 1) * channels)
        values = nn.functional.pad(values, (3, 3), "replicate")
        values = nn.functional.conv1d(values, first.weight[one], first.bias[one])
        values = nn.functional.leaky_relu(values, 0.01)
        return nn.functional.conv1d(values, second.weight[two], second.bias[two]).tanh()

    even, odd = series[..., ::2], series[..., 1::2]
    places = node, nodes + node
    even, odd = (
        even * net(layer.scale, places[1], odd).exp(),
        odd * net(layer.scale, places[0], even).exp(),
    )
    even, odd = even + net(layer.shift, places[1], odd), odd + net(layer.shift, places[0], even)
    even = sci_node(model, level + 1, node, even)
    odd = sci_node(model, level + 1, nodes + node, odd)
    return torch.stack([even, odd], dim=-1).flatten(-2)


def test_scinet_is_a_tree_of_interacting_halves():
    model, past = made("SCINet", 30, 5, 2, levels=3, expansion=2), windows(3, 30, 2)
    series = nn.functional.pad(past.mT, (2, 0), "replicate")
    wanted = model.maps[0](series + sci_node(model, 0, 0, series))
    close(model(past), wanted.mT)


def test_an_inception_block_is_the_mean_of_its_convolutions():
    block, picture = perturb(_Inception(3, 3)).double(), windows(2, 3, 7, 9)
    wanted = torch.stack([one(picture) for one in block.convolutions]).mean(0)
    close(block(picture), wanted)


def test_times_net_weighs_the_periods_of_each_window():
    model = made("TimesNet", 48, 24, 1, periods=[24, 10], width=4, blocks=1)
    time = torch.arange(72).double()
    strength = []
    for period in (24, 10):
        wave = torch.sin(2 * math.pi * time / period).reshape(1, 1, -1).expand(1, 4, -1)
        cosines, sines = (wave @ model.waves).unflatten(-1, (2, -1)).unbind(-2)
        strength.append((cosines.square() + sines.square()).sqrt().mean(1).flatten())
    assert strength[0][0] > 5 * strength[0][1]
    assert strength[1][1] > 5 * strength[1][0]


def test_tied_autoencoder_by_its_formula():
    model, past = made("TiedAutoencoder", 10, 25, 1, rank=4), windows(2, 10, 1)
    weight, window, parts = model.encoder.weight, past.squeeze(-1), []
    for _ in range(3):
        code = window @ weight.mT @ model.advance.weight.mT + model.advance.bias
        window = code @ weight + model.decoder.bias
        parts.append(window)
    close(model(past).squeeze(-1), torch.cat(parts, dim=1)[:, :25])


def test_patch_lm_sees_no_later_patch_and_reads_what_it_wrote():
    model, past = made("PatchLM", 36, 20, 1, patch=12, width=16), windows(2, 36, 1)
    text = past.reshape(2, 3, 12)
    other = text.clone()
    other[:, 2] += 1
    close(model.predict_next_patches(other)[:, :2], model.next_patches(text)[:, :2])
    first = model.predict_next_patches(text)[:, -1:]
    second = model.predict_next_patches(torch.cat([text[:, 1:], first], dim=1))[:, -1:]
    close(model(past).squeeze(-1), torch.cat([first, second], dim=1).flatten(1)[:, :20])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(share):
    layer, values = Dropout(share), torch.ones(101, 1003)
    assert layer.eval()(values) is values
    dropped = layer.train()(values.requires_grad_())
    assert ((dropped == 0) | (dropped * (1 - share) - 1).abs().lt(1e-6)).all()
    assert abs((dropped == 0).float().mean().item() - share) < 0.005
    assert abs((dropped[:50] == 0).float().mean().item() - share) < 0.008
    dropped.sum().backward()
    close(values.grad, dropped.detach())


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_dropout_refuses_other_shares(share):
    with pytest.raises(ValueError, match=r"a dropout is a share in \[0, 1\) but got"):
        Dropout(share)
