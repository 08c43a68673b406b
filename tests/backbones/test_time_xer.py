"""TimeXer: channels learn from each other and from known inputs through variate tokens."""

import pytest
import torch
from torch import nn

from revin_forecast.backbones import TimeXer
from revin_forecast.checks.samples import perturb

close = torch.testing.assert_close


def build(lookback=20, horizon=7, channels=3, **options):
    return perturb(TimeXer(lookback, horizon, channels, width=8, **options)).double().eval()


def windows(*shape):
    return torch.randn(shape, dtype=torch.float64)


def cut_cross_attention(model):
    with torch.no_grad():
        for layer in model.layers:
            nn.init.zeros_(layer.cross.out.weight)


def test_channels_meet_in_the_variate_tokens_only():
    model, past = build(layers=2), windows(2, 20, 3)
    changed = torch.cat([past[..., :1], -past[..., 1:]], dim=-1)
    assert (model(changed) - model(past))[..., 0].abs().max() > 1e-4
    cut_cross_attention(model)
    close(model(changed)[..., 0], model(past)[..., 0])


def test_known_inputs_of_window_and_horizon_change_the_forecast():
    model, past, known = build(covariates=2), windows(2, 20, 3), windows(2, 27, 2)
    before = model(past, known=known)
    for step in (0, 19, 20, 26):
        changed = known.clone()
        changed[:, step] += 1
        assert ((model(past, known=changed) - before).abs().amax((0, 1)) > 1e-5).all(), step
    close(model(past, known=known.float()), before, atol=1e-5, rtol=0)
    cut_cross_attention(model)
    close(model(past, known=torch.zeros_like(known)), model(past, known=known))


@pytest.mark.parametrize(("lookback", "patch"), [(20, 16), (20, 6), (5, 16), (1, 1)])
def test_patches_include_the_newest_step(lookback, patch):
    """The authors' code drops the newest steps if the patch does not divide the look-back."""
    model, past = build(lookback, patch=patch), windows(2, lookback, 3)
    cut_cross_attention(model)  # which reads the whole window, too
    newest = past.clone()
    newest[:, -1] += 1
    assert (model(newest) - model(past)).abs().amax() > 1e-4
    missing = -lookback % patch
    padded = torch.cat([past[:, :1].expand(-1, missing, -1), past], dim=1)
    longer = build(lookback + missing, patch=patch)
    cut_cross_attention(longer)
    state = model.state_dict()
    state["embed_series.weight"] = longer.embed_series.weight
    longer.load_state_dict(state)
    close(longer(padded), model(past))


def test_it_learns_a_planned_effect():
    torch.manual_seed(0)
    planned = (torch.rand(64, 16, 1) < 0.3).float()
    past, future = planned[:, :12], planned[:, 12:]
    model = TimeXer(12, 4, 1, covariates=1, width=16)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(200):
        optimizer.zero_grad()
        loss = (model(past, known=planned) - future).square().mean()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        fresh = (torch.rand(64, 16, 1) < 0.3).float()
        forecast = model.eval()(fresh[:, :12], known=fresh)
        error = (forecast - fresh[:, 12:]).square().mean()
    assert error < 0.3 * future.var()  # no past predicts these draws


def test_an_empty_batch_has_an_empty_forecast():
    assert build()(windows(0, 20, 3)).shape == (0, 7, 3)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"patch": 0}, r"TimeXer needs patch >= 1 and layers >= 1 but got 0 and 1\."),
        ({"layers": 0}, r"TimeXer needs patch >= 1 and layers >= 1 but got 16 and 0\."),
        (
            {"width": 0},
            r"needs a width that is a multiple of its 4 heads but got 0\. Pass width=64",
        ),
        ({"width": 30}, r"needs a width that is a multiple of its 4 heads but got 30\."),
    ],
)
def test_unsuitable_sizes_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        TimeXer(20, 7, 3, **sizes)
