"""Pretrained follows level and scale exactly, rolls, gives its own quantiles and reads once."""

import copy

import pytest
import torch

from revin_forecast import Identity, Pretrained, Reversible
from revin_forecast.backbones import pretrained
from revin_forecast.pretrained import load_weights
from revin_forecast.pretrained.network import LEVELS, MAX_STEPS
from tests.support.cpu_time import run_python

close = torch.testing.assert_close


def sample_walks(rows, count=6, seed=0):
    """Return (count, rows, 1) in float64 with a season of 12."""
    generator = torch.Generator().manual_seed(seed)
    season = 2 * torch.sin(torch.arange(rows).double() * torch.pi / 6)
    noise = torch.randn(count, rows, generator=generator, dtype=torch.float64)
    return (noise.cumsum(1) + season).unsqueeze(2)


@pytest.mark.parametrize(("rows", "season"), [(1, 1), (2, 1), (8, 12), (40, 12), (600, 7)])
def test_it_follows_level_and_scale(rows, season):
    model, past = Pretrained(rows, 70, 1, season=season), sample_walks(rows)
    expected = model(past)
    for scale in (1e-6, 1e6, 1e30):
        close(model(scale * past), scale * expected, rtol=1e-9, atol=1e-9 * scale)
    close(model(past + 1e6), expected + 1e6, rtol=0, atol=1e-5)
    assert model(1e30 * past.float()).isfinite().all()


@pytest.mark.parametrize("logs", [False, True])
def test_quantiles_are_those_of_the_network(logs):
    past, count = sample_walks(50) + 30, len(LEVELS)
    options = {"season": 12, "logs": logs}
    backbone = Pretrained(50, 70 * count, 1, levels=LEVELS, **options)
    quantiles = Reversible(backbone, Identity(1), LEVELS).quantiles(past)
    marks = torch.ones(6, 50, dtype=torch.bool)
    known = backbone._forecast(past.squeeze(2), marks, torch.zeros(6))
    close(quantiles.squeeze(2), known, rtol=1e-9, atol=1e-9)
    assert (quantiles.diff(dim=-1) > 0).all()
    close(quantiles[..., count // 2], Pretrained(50, 70, 1, **options)(past))
    others = (0.03, 0.5, 0.97)
    between = Pretrained(50, 210, 1, levels=others, **options)
    inner = Reversible(between, Identity(1), others).quantiles(past).squeeze(2)
    assert (inner[..., 0] > known[..., 0]).all()
    assert (inner[..., 0] < known[..., 1]).all()


def test_further_steps_are_rolled():
    past = sample_walks(60)
    near, far = Pretrained(60, MAX_STEPS, 1, season=12), Pretrained(60, 150, 1, season=12)
    close(far(past)[:, :MAX_STEPS], near(past))
    longer = torch.cat([past, near(past)], dim=1)
    second = Pretrained(60 + MAX_STEPS, MAX_STEPS, 1, season=12)(longer)
    close(far(past)[:, MAX_STEPS : 2 * MAX_STEPS], second)


def test_intervals_hold_beyond_64_steps():
    noise = torch.randn(1, 456, 60, generator=torch.Generator().manual_seed(0))
    levels = (0.1, 0.5, 0.9)
    for series in (noise, noise.cumsum(1)):
        model = Reversible(Pretrained(200, 768, 60, levels=levels), Identity(60), levels)
        quantiles, truth = model.quantiles(series[:, :200]), series[:, 200:]
        held = (quantiles[..., 0] <= truth) & (truth <= quantiles[..., 2])
        assert 0.7 < held[:, 64:].double().mean() < 0.9


def test_unobserved_values_and_old_rows_do_not_matter():
    past, observed = sample_walks(40), torch.ones(6, 40, 1, dtype=torch.bool)
    observed[:, 5:9] = observed[0, 30:] = False
    model = Pretrained(40, 5, 1, season=12)
    forecast = model(torch.where(observed, past, 7e9), observed)
    close(model(torch.where(observed, past, torch.nan)), forecast)
    # A late start is a shorter window.
    late = torch.cat([torch.full((6, 30, 1), torch.nan), past], dim=1)
    close(Pretrained(70, 5, 1, season=12)(late), model(past))
    old = torch.cat([1e6 * sample_walks(50), sample_walks(512, seed=1)], dim=1)
    close(Pretrained(562, 5, 1, season=12)(old), Pretrained(512, 5, 1, season=12)(old[:, 50:]))
    assert not model(torch.full((1, 40, 1), torch.nan)).any()


def test_constants_and_exact_seasons_go_on():
    assert Pretrained(20, 70, 1)(torch.full((1, 20, 1), 3e7)).unique().tolist() == [3e7]
    levels = (0.1, 0.5, 0.9)
    model = Reversible(Pretrained(9, 15, 1, levels=levels), Identity(1), levels)
    assert model.quantiles(torch.full((1, 9, 1), 4.0)).unique().tolist() == [4]


def test_many_series_are_split(monkeypatch):
    past = sample_walks(30, count=10).reshape(5, 30, 2)
    model = Pretrained(30, 4, 2, season=12, logs=True)
    model.zero.copy_(torch.tensor([-60.0, torch.nan]))
    whole = model(past)
    monkeypatch.setattr(pretrained, "MAX_SERIES", 3)
    close(model(past), whole, rtol=1e-5, atol=1e-5)  # the network multiplies in float32


def test_logarithms_move_with_their_zero_and_are_braked():
    past = torch.exp(sample_walks(30) / 20)
    model = Pretrained(30, 12, 1, season=12, logs=True)
    plain, expected = Pretrained(30, 12, 1, season=12)(past), model(past)
    assert (expected - plain).abs().max() > 1e-4
    model.zero.fill_(-5)
    close(model(3 * past - 5), 3 * expected - 5)
    model.zero.fill_(torch.nan)
    close(model(past), plain)
    # Doubling would reach e^80 in a hundred steps; the values bound it.
    steep = torch.exp(torch.arange(40.0, dtype=torch.float64)).reshape(1, 40, 1)
    braked = Pretrained(40, 100, 1, logs=True)(steep)
    assert braked.isfinite().all()
    assert braked.max() < 1e6 * steep.max()


def test_the_pass_on_logarithms_is_left_out_where_nothing_is_positive():
    past, rows = sample_walks(30), []
    model = Pretrained(30, 4, 1, season=12, logs=True)
    model.reader.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    forecast = model(past - 99)
    close(forecast, Pretrained(30, 4, 1, season=12)(past - 99), rtol=0, atol=0)
    mixed = torch.cat([past - 99, past[:1] + 99])
    close(model(mixed)[:6], forecast, rtol=0, atol=1e-4)
    assert rows == [6, 14]


def test_weights_are_fixed_unless_it_is_trained():
    assert not any(part.requires_grad for part in Pretrained(8, 2, 1).parameters())
    model = Pretrained(8, 2, 1, logs=True, trainable=True)
    assert all(part.requires_grad for part in model.parameters())
    past = sample_walks(8).requires_grad_()
    model(past).square().mean().backward()
    assert past.grad is not None
    assert past.grad.isfinite().all()
    twin = copy.deepcopy(model)
    with torch.no_grad():
        next(model.members.parameters()).add_(0.1)
    twin.load_state_dict(model.state_dict())
    close(twin(past), model(past), rtol=0, atol=0)


@pytest.mark.usefixtures("plain_shapes")
def test_wrong_arguments_are_refused():
    for season in (0, 367):
        with pytest.raises(ValueError, match=f"a season from 1 to 366 but got {season}. Pass 1"):
            Pretrained(9, 2, 1, season=season)
    with pytest.raises(ValueError, match=r"multiple of its 3 levels but got 4\. Pass horizon=len"):
        Pretrained(9, 4, 1, levels=(0.1, 0.5, 0.9))
    with pytest.raises(ValueError, match=r"a median of 0\.5 but got \[0\.1, 0\.9\]\. Pass them"):
        Pretrained(9, 4, 1, levels=(0.1, 0.9))
    with pytest.raises(ValueError, match=r"built for \(batch, 9, 1\) but got \(2, 8, 1\)"):
        Pretrained(9, 2, 1)(torch.zeros(2, 8, 1))
    observed = torch.ones(2, 8, 1, dtype=torch.bool)
    with pytest.raises(ValueError, match=r"windows of \(2, 9, 1\) but observed of \(2, 8, 1\)"):
        Pretrained(9, 2, 1)(torch.zeros(2, 9, 1), observed)


def test_weights_are_read_when_it_is_built(monkeypatch):
    code = "import sys, revin_forecast, revin_forecast.backbones as b; b.Linear; "
    code += "sys.exit('safetensors' in sys.modules or 'revin_forecast.pretrained' in sys.modules)"
    run_python("-c", code)
    read, load_file = [], load_weights.load_file
    monkeypatch.setattr(
        load_weights, "load_file", lambda path: read.append(path) or load_file(path)
    )
    model = Pretrained(9, 2, 1)
    model(sample_walks(9))
    assert read == [load_weights.WEIGHTS_PATH]
