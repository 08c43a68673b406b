"""All backbones in several configurations, with the parameter counts of their docstrings."""

import functools
import itertools
import math

from revin_forecast import backbones as home

partial = functools.partial


def build_ets_with_logs(lookback, horizon, channels):
    """Return an ETS for which the values of standardized windows are positive."""
    backbone = home.ETS(lookback, horizon, channels, season=6, logs=True)
    backbone.zero.fill_(-8)
    return backbone


def build_pretrained_with_logs(lookback, horizon, channels):
    """Return a trainable Pretrained for which the values of standardized windows are positive."""
    backbone = home.Pretrained(lookback, horizon, channels, season=6, logs=True, trainable=True)
    backbone.zero.fill_(-8)
    return backbone


BACKBONES = {
    "Repeat": home.Repeat,
    "SeasonalNaive": partial(home.SeasonalNaive, season=5),
    "Drift": home.Drift,
    "SeasonalDrift": partial(home.SeasonalDrift, season=5),
    "ETS": home.ETS,
    "ETS season": partial(home.ETS, season=12),
    "ETS logs": build_ets_with_logs,
    "TSB": home.TSB,
    "Pretrained": partial(home.Pretrained, season=12),
    "Pretrained logs": build_pretrained_with_logs,
    "Linear": home.Linear,
    "DLinear": home.DLinear,
    "Ridge": home.Ridge,
    "Ridge per channel": partial(home.Ridge, per_channel=True),
    "MLP": home.MLP,
    "NBEATS": home.NBEATS,
    "NBEATS interpretable": partial(
        home.NBEATS, stacks=("trend", "seasonality"), width=32, shared=True
    ),
    "NBEATS one block": partial(home.NBEATS, stacks=("generic", "trend"), blocks=1, width=16),
    "NHITS": home.NHITS,
    "TSMixer": home.TSMixer,
    "TiDE": home.TiDE,
    "TiDE known": partial(home.TiDE, covariates=2, width=32, layers=2),
    "SparseTSF": home.SparseTSF,
    "SparseTSF nonlinear": partial(home.SparseTSF, season=5, width=16),
    "FITS": home.FITS,
    "CycleNet": home.CycleNet,
    "CycleNet nonlinear": partial(home.CycleNet, cycle=12, width=16),
    "SegRNN": partial(home.SegRNN, width=64),
    "GRU": home.GRU,
    "GRU deep": partial(home.GRU, width=16, layers=2, dropout=0.1),
    "LSTM": home.LSTM,
    "PatchTST": home.PatchTST,
    "InvertedTransformer": home.InvertedTransformer,
    "SOFTS": home.SOFTS,
    "TQNet": home.TQNet,
    "TimeXer": home.TimeXer,
    "TimeXer known": partial(home.TimeXer, covariates=2, patch=10, width=32, layers=2),
    "SCINet": home.SCINet,
    "SCINet two stacks": partial(home.SCINet, levels=2, stacks=2, expansion=2),
    "Informer": home.Informer,
    "Informer known": partial(home.Informer, covariates=3, width=32),
    "TimesNet": home.TimesNet,
    "TimeMixer": home.TimeMixer,
    "XPatch": home.XPatch,
    "ModernTCN": home.ModernTCN,
    "Siamese": partial(home.Siamese, backbone=partial(home.LSTM, width=16)),
    "Siamese known": partial(home.Siamese, backbone=partial(home.TiDE, width=32), covariates=2),
    "PerChannel": home.PerChannel,
    "PerChannel known": partial(home.PerChannel, backbone=home.CycleNet, covariates=1),
    "TiedAutoencoder": home.TiedAutoencoder,
    "TiedAutoencoder untied": partial(home.TiedAutoencoder, rank=8, tied=False),
    "PatchLM": partial(home.PatchLM, width=32),
    "PatchLM untied": partial(home.PatchLM, patch=12, width=32, layers=1, tied=False),
}


def nbeats_block(lookback, coefficients, width):
    return (lookback + 1) * width + 3 * (width + 1) * width + (width + 1) * coefficients


def nbeats(lookback, horizon, _):
    full = nbeats_block(lookback, lookback + horizon, 256)
    return 5 * full + nbeats_block(lookback, horizon, 256)


def nbeats_interpretable(lookback, horizon, _):
    harmonics = 2 * (horizon // 2) + 1
    return nbeats_block(lookback, 8, 32) + nbeats_block(lookback, 2 * harmonics, 32)


def nbeats_one_block(lookback, horizon, _):
    return nbeats_block(lookback, lookback + horizon, 16) + nbeats_block(lookback, 4, 16)


def nhits(lookback, horizon, _):
    total, width = 0, 256
    for pool, ratio, backcast in ((8, 24, lookback), (4, 12, lookback), (1, 1, 0)):
        pooled, knots = math.ceil(lookback / pool), math.ceil(horizon / ratio)
        total += (pooled + 1) * width + (width + 1) * width + (width + 1) * (backcast + knots)
    return total


def tsmixer(lookback, horizon, channels, blocks=2, width=32):
    block = lookback * (lookback + 1) + 2 * channels * width + width + channels
    return blocks * (block + 4 * lookback * channels) + (lookback + 1) * horizon


def residual(inputs, width, outputs, normed=True):
    count = (inputs + 1) * width + (width + 1) * outputs + (inputs + 1) * outputs
    return count + 2 * outputs * normed


def tide(lookback, horizon, _):
    dense = residual(lookback, 256, 256) + residual(256, 256, 8 * horizon)
    return dense + residual(8, 32, 1, normed=False) + (lookback + 1) * horizon


def tide_known(lookback, horizon, _, width=32, layers=2):
    dense = residual(lookback + 4 * (lookback + horizon), width, width)
    dense += 2 * (layers - 1) * residual(width, width, width)
    dense += residual(width, width, 8 * horizon)
    steps = residual(2, 32, 4) + residual(12, 32, 1, normed=False)
    return dense + steps + (lookback + 1) * horizon


def fits(lookback, horizon, _):
    inputs = min((lookback // 24 + 1) * 6 + 10, lookback // 2 + 1)
    outputs = min(inputs * (lookback + horizon) // lookback, (lookback + horizon) // 2 + 1)
    return 2 * (inputs + 1) * outputs


def seg_rnn(_, horizon, channels, width=64):
    places = (math.ceil(horizon / 24) + channels) * width // 2
    return 25 * width + 6 * width * (width + 1) + places + (width + 1) * 24


def gru(_, horizon, channels, width=64, layers=1):
    above = 6 * (layers - 1) * width * (width + 1)
    return 3 * width * (channels + width + 2) + above + (width + 1) * horizon * channels


def lstm(_, horizon, channels, width=64):
    return 4 * width * (channels + width + 2) + (width + 1) * horizon * channels


def patch_tst(lookback, horizon, _, width=64):
    patches = (lookback - 16) // 8 + 2
    layers = 2 * (8 * width**2 + 11 * width)
    return (17 + patches) * width + layers + (patches * width + 1) * horizon


def inverted_transformer(lookback, horizon, _, width=128):
    layers = 2 * (6 * width**2 + 10 * width)
    return (lookback + 1) * width + layers + 2 * width + (width + 1) * horizon


def softs(lookback, horizon, _, width=128, core=64):
    layers = 2 * (5 * width**2 + 2 * width * core + 9 * width + core)
    return (lookback + 1) * width + layers + (width + 1) * horizon


def tq_net(lookback, horizon, channels, cycle=24, width=128):
    attention = 4 * lookback * (lookback + 1)
    maps = (lookback + 1) * width + 2 * (width + 1) * width + (width + 1) * horizon
    return cycle * channels + attention + maps


def time_xer(lookback, horizon, channels, covariates=0, patch=16, width=64, layers=1):
    tokens = math.ceil(lookback / patch) + 1
    known = (lookback + horizon + 1) * width if covariates else 0
    encoder = layers * (12 * width**2 + 17 * width) + 2 * width
    embeddings = (patch + channels + lookback + 1) * width + known
    return embeddings + encoder + (tokens * width + 1) * horizon


def scinet(lookback, horizon, channels, levels=3, stacks=1, expansion=4):
    net = 8 * channels**2 * expansion + channels * expansion + channels
    trees = stacks * 4 * (2**levels - 1) * net
    whole = 2**levels
    maps = math.ceil(lookback / whole) + (stacks - 1) * math.ceil((lookback + horizon) / whole)
    return trees + maps * whole * horizon


def informer(_, __, channels, covariates=0, width=64):
    embeddings = 6 * channels * width + (2 * (covariates + 1) * width if covariates else 0)
    encoder = 2 * (12 * width**2 + 13 * width) + 3 * width**2 + 3 * width
    decoder = 16 * width**2 + 19 * width
    return embeddings + encoder + decoder + 4 * width + (width + 1) * channels


def times_net(lookback, horizon, channels, width=16, blocks=2, kernels=3):
    squares = sum((2 * reach + 1) ** 2 for reach in range(kernels))
    convolutions = blocks * 2 * (width**2 * squares + kernels * width)
    steps = (lookback + 1) * (lookback + horizon)
    return 3 * channels * width + steps + convolutions + 2 * width + (width + 1) * channels


def time_mixer(lookback, horizon, _, levels=3, width=8):
    steps = [lookback // 2**level for level in range(levels + 1)]
    maps = sum(
        coarse * (fine + coarse + 2) + fine * (coarse + fine + 2)
        for fine, coarse in itertools.pairwise(steps)
    )
    feed = 4 * width**2 + 3 * width
    return 3 * width + maps + feed + sum(horizon * (count + 1) for count in steps) + width + 1


def xpatch(lookback, horizon, _, patch=16):
    patches, half = (lookback - patch) // (patch // 2) + 2, max(4, math.ceil(horizon / 2))
    stream = 2 * patch**3 + patch**2 + patch + patches * (patches + patch + 8)
    head = (patches * patch + 1) * 2 * horizon + (2 * horizon + 1) * horizon
    trend = (lookback + 2) * 4 * horizon + (2 * horizon + 1) * 2 * half + 2 * half
    return stream + head + trend + (half + 1) * horizon + (2 * horizon + 1) * horizon


def modern_tcn(lookback, horizon, channels, width=16):
    features = channels * 2 * (width**2 + width) + width * 2 * (channels**2 + channels)
    block = 60 * channels * width + 2 * width + features
    return 10 * width + block + (width * (lookback // 4) + 1) * horizon


def autoencoder(lookback, _, __, rank=64, tied=True):
    rank = min(rank, lookback)
    return lookback * rank * (1 if tied else 2) + rank * (rank + 1) + lookback


def patch_lm(lookback, _, __, patch=24, width=32, layers=2, tied=True):
    words = patch * width * (1 if tied else 2) + width + math.ceil(lookback / patch) * width
    return words + layers * (12 * width**2 + 13 * width) + 2 * width + patch


def pretrained(*_, inputs=248, step_inputs=68, forecasts=30, levels=9):
    encoder = (inputs + 1) * 256 + 257 * 192 + 193 * 256 + 257 * 128
    decoder = 129 * 128 + step_inputs * 128 + 129 * 96 + 97 * (forecasts + levels)
    return encoder + decoder + forecasts


def linear(lookback, horizon, _):
    return (lookback + 1) * horizon


PARAMETERS = {
    "Repeat": lambda *_: 0,
    "SeasonalNaive": lambda *_: 0,
    "Drift": lambda *_: 0,
    "SeasonalDrift": lambda *_: 0,
    "ETS": lambda *_: 0,
    "ETS season": lambda *_: 0,
    "ETS logs": lambda *_: 0,
    "TSB": lambda *_: 0,
    "Pretrained": pretrained,
    "Pretrained logs": pretrained,
    "Linear": linear,
    "DLinear": lambda lookback, horizon, _: 2 * lookback * horizon + horizon,
    "Ridge": linear,
    "Ridge per channel": lambda lookback, horizon, c: (lookback + 1) * horizon * c,
    "MLP": lambda lookback, horizon, _: (lookback + 1) * 128 + 129 * horizon,
    "NBEATS": nbeats,
    "NBEATS interpretable": nbeats_interpretable,
    "NBEATS one block": nbeats_one_block,
    "NHITS": nhits,
    "TSMixer": tsmixer,
    "TiDE": tide,
    "TiDE known": tide_known,
    "SparseTSF": lambda lookback, horizon, _: 25 + lookback // 24 * math.ceil(horizon / 24),
    "SparseTSF nonlinear": lambda lookback, horizon, _: (
        5 + (lookback // 5 + 1) * 16 + 17 * math.ceil(horizon / 5)
    ),
    "FITS": fits,
    "CycleNet": lambda lookback, horizon, c: 24 * c + (lookback + 1) * horizon,
    "CycleNet nonlinear": lambda lookback, horizon, c: 12 * c + (lookback + 1) * 16 + 17 * horizon,
    "SegRNN": seg_rnn,
    "GRU": gru,
    "GRU deep": partial(gru, width=16, layers=2),
    "LSTM": lstm,
    "PatchTST": patch_tst,
    "InvertedTransformer": inverted_transformer,
    "SOFTS": softs,
    "TQNet": tq_net,
    "TimeXer": time_xer,
    "TimeXer known": partial(time_xer, covariates=2, patch=10, width=32, layers=2),
    "SCINet": scinet,
    "SCINet two stacks": partial(scinet, levels=2, stacks=2, expansion=2),
    "Informer": informer,
    "Informer known": partial(informer, covariates=3, width=32),
    "TimesNet": times_net,
    "TimeMixer": time_mixer,
    "XPatch": xpatch,
    "ModernTCN": modern_tcn,
    "Siamese": lambda lookback, horizon, _: lstm(lookback, horizon, 1, width=16),
    "Siamese known": partial(tide_known, layers=1),
    "PerChannel": lambda lookback, horizon, c: c * linear(lookback, horizon, c),
    "PerChannel known": lambda lookback, horizon, c: c * (24 + linear(lookback, horizon, c)),
    "TiedAutoencoder": autoencoder,
    "TiedAutoencoder untied": partial(autoencoder, rank=8, tied=False),
    "PatchLM": patch_lm,
    "PatchLM untied": partial(patch_lm, patch=12, layers=1, tied=False),
}
