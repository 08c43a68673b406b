"""Moments and closed-form fits of series with gaps, against explicit windows."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.backbones import Ridge
from revin_forecast.closed_form import fit_ridge, gap_free_moments, gap_free_share, window_moments
from revin_forecast.closed_form.equations_with_gaps import equations_with_gaps, shared_equations
from revin_forecast.closed_form.normal_equations import NormalEquations
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity, LastValue, RevIN, Robust

LOOKBACK, HORIZON = 10, 4
WIDTH = LOOKBACK + HORIZON


def walks(rows, channels, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum(0) / 5


def remove_values(values, share, seed=0):
    """Values with some of them, and all before and after some rows, unobserved."""
    generator = torch.Generator().manual_seed(seed)
    rows, channels = values.shape
    gappy = values.clone()
    gappy[torch.rand(values.shape, generator=generator) < share] = torch.nan
    ends = torch.randint(0, rows + 1, (2, channels), generator=generator).sort(dim=0).values
    for channel, (first, last) in enumerate(ends.mT.tolist()):
        gappy[:first, channel] = torch.nan
        gappy[last:, channel] = torch.nan
    return gappy


def complete_windows(values, width):
    windows = np.lib.stride_tricks.sliding_window_view(values.numpy(), width, axis=0)
    windows = windows.reshape(-1, width)
    return windows[np.isfinite(windows).all(axis=1)]


def check_moments(values, width):
    windows, moments = complete_windows(values, width), gap_free_moments(values, width)
    scale = (windows**2).sum()
    np.testing.assert_allclose(moments.gram, windows.T @ windows, rtol=0, atol=1e-13 * scale)
    np.testing.assert_allclose(
        moments.sums, windows.sum(0), rtol=0, atol=1e-12 * abs(windows).sum()
    )
    assert moments.count == len(windows)


@given(
    rows=st.integers(1, 60),
    width=st.integers(1, 30),
    channels=st.integers(1, 5),
    share=st.sampled_from([0.0, 0.02, 0.2, 1.0]),
    seed=st.integers(0, 2**31),
)
def test_moments_equal_the_product_of_all_complete_windows(rows, width, channels, share, seed):
    check_moments(remove_values(walks(max(rows, width), channels, seed), share, seed), width)


def test_blocks_of_different_lengths_add_up(monkeypatch):
    monkeypatch.setattr("revin_forecast.closed_form.gap_free_windows.MAX_BLOCK_BYTES", 16 * 400)
    check_moments(remove_values(walks(300, 40), 0.01), 9)


def test_moments_without_gaps_equal_those_of_all_windows():
    values = walks(200, 3)
    fast, expected = gap_free_moments(values, 20), window_moments(values, 20)
    torch.testing.assert_close(fast.gram, expected.gram, rtol=0, atol=0)
    with_empty_channel = torch.cat([values, torch.full((200, 1), torch.nan)], dim=1)
    torch.testing.assert_close(gap_free_moments(with_empty_channel, 20).gram, expected.gram)


@pytest.mark.parametrize("rows", [5, 40])
def test_no_complete_window_is_a_count_of_zero(rows):
    values = walks(rows, 2)
    values[::5] = torch.inf
    moments = gap_free_moments(values, 8)
    assert (moments.count, moments.gram.abs().max(), gap_free_share(values, 8)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("gaps", "share"),
    [
        ([], 1),
        ([(0, 12, 0), (25, 30, 0)], 1),  # a late start and an early end are not gaps
        ([(0, 30, 1)], 1),
        ([(15, 16, 0)], 1 - 5 / 52),
        ([(0, 30, 0), (0, 30, 1)], 0),
    ],
)
def test_share_of_complete_windows(gaps, share):
    values = walks(30, 2)
    for first, last, channel in gaps:
        values[first:last, channel] = torch.nan
    assert gap_free_share(values, 5) == pytest.approx(share)


def solve(normalizer, values, **options):
    ridge = Ridge(LOOKBACK, HORIZON, values.shape[1], penalties=[1e-3])
    model = Reversible(ridge, normalizer).double()
    report = fit_ridge(model, values, **options)
    return model.backbone.weight.detach().numpy(), report


def least_squares(normalizer, windows, penalty=1e-3):
    """The textbook solution over these windows, one a row."""
    rows = torch.from_numpy(windows.copy()).unsqueeze(2)
    with torch.no_grad():
        stats = type(normalizer)(1).double().statistics(rows[:, :LOOKBACK], None)
    centred = stats.centre(rows).squeeze(2).numpy()
    if isinstance(normalizer, Identity):
        centred = centred - centred.mean(axis=0)
    past, future = centred[:, :LOOKBACK], centred[:, LOOKBACK:]
    gram = past.T @ past
    ridge = gram + penalty * np.trace(gram) / LOOKBACK * np.eye(LOOKBACK)
    return np.linalg.solve(ridge, past.T @ future).T


@pytest.mark.parametrize("kind", [RevIN, LastValue, Identity, Robust])
def test_complete_solves_on_the_windows_without_a_gap(kind):
    values = remove_values(walks(400, 5), 0.02)
    weight, report = solve(kind(5), values, gaps="complete")
    windows = complete_windows(values, WIDTH)
    np.testing.assert_allclose(weight, least_squares(kind(1), windows), atol=1e-9)
    assert report.windows == len(windows) > 100


def test_complete_scores_and_refits_on_complete_windows_of_both_parts():
    training, validation = remove_values(walks(400, 3), 0.02), remove_values(walks(300, 3, 1), 0.02)
    penalties = (1e-4, 1e-1, 10.0)
    ridge = Ridge(LOOKBACK, HORIZON, 3, penalties=penalties)
    model = Reversible(ridge, LastValue(3)).double()
    report = fit_ridge(model, training, validation, gaps="complete")
    windows, held_out = (complete_windows(part, WIDTH) for part in (training, validation))
    centred = held_out - held_out[:, LOOKBACK - 1 : LOOKBACK]
    errors = {}
    for penalty in penalties:
        weight = least_squares(LastValue(1), windows, penalty)
        errors[penalty] = ((centred[:, :LOOKBACK] @ weight.T - centred[:, LOOKBACK:]) ** 2).mean()
    best = min(penalties, key=errors.__getitem__)
    assert report.penalties == (best,)
    assert report.validation_mse == pytest.approx(errors[best], rel=1e-9)
    fit_ridge(model, training, validation, refit=True, gaps="complete")
    expected = least_squares(LastValue(1), np.concatenate([windows, held_out]), best)
    np.testing.assert_allclose(ridge.weight.detach(), expected, atol=1e-9)


@pytest.mark.parametrize("kind", [RevIN, Robust])
def test_no_complete_window_raises_an_input_error(kind):
    values = walks(60, 2)
    values[9::10] = torch.nan
    message = (
        "0 of 94 windows of the training part have no gap: a look-back of 10 and a horizon of 4 "
        "take 14 rows, and the longest stretch without a gap has 9. Choose a shorter look-back, "
        "or gaps='masked'."
    )
    with pytest.raises(InputError, match=message):
        solve(kind(2), values, gaps="complete")
    assert solve(kind(2), values)[1].windows > 0


def test_a_median_without_gaps_has_one_matrix_for_all_steps():
    values, normalizer = walks(120, 3), Robust(3).double()
    steps = list(equations_with_gaps(values, normalizer, LOOKBACK, HORIZON))
    joint = shared_equations(values, normalizer, LOOKBACK, HORIZON)
    for number, step in enumerate(steps):
        torch.testing.assert_close(joint.gram, step.gram)
        torch.testing.assert_close(joint.cross[number], step.cross[0])
        torch.testing.assert_close(joint.target_squares[number], step.target_squares[0])
        torch.testing.assert_close(joint.target_sums[number], step.target_sums[0])
        assert joint.count == step.count


@pytest.mark.parametrize("kind", [RevIN, LastValue, Identity])
def test_window_blocks_and_moments_agree(kind):
    values, normalizer = remove_values(walks(120, 3), 0.02), kind(3).double()
    joint = shared_equations(values, normalizer, LOOKBACK, HORIZON, gap_free_only=True)
    moments = gap_free_moments(values, WIDTH).centre(normalizer.location_weights(LOOKBACK))
    expected = NormalEquations.from_moments(moments, LOOKBACK)
    for name, value in vars(expected).items():
        torch.testing.assert_close(getattr(joint, name), value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", [RevIN, LastValue, Identity])
def test_masked_adds_windows_with_gaps_to_those_without(kind, monkeypatch):
    values, normalizer = remove_values(walks(200, 3), 0.02), kind(3).double()
    split_blocks = list(equations_with_gaps(values, normalizer, LOOKBACK, HORIZON))
    monkeypatch.setattr(kind, "location_weights", lambda self, lookback: None)
    all_blocks = equations_with_gaps(values, normalizer, LOOKBACK, HORIZON)
    for step, expected in zip(split_blocks, all_blocks, strict=True):
        for name, value in vars(expected).items():
            torch.testing.assert_close(getattr(step, name), value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("first_gap", [0, 60])
def test_masked_shares_a_matrix_only_if_no_target_is_missing(first_gap):
    values, normalizer = walks(120, 3), RevIN(3)
    values[first_gap + 2 : first_gap + 5, 1] = torch.nan
    weight, _ = solve(normalizer, values)
    for number, step in enumerate(
        equations_with_gaps(values, normalizer.double(), LOOKBACK, HORIZON)
    ):
        ridge = step.gram + 1e-3 * step.gram.trace() / LOOKBACK * torch.eye(LOOKBACK)
        expected = torch.linalg.solve(ridge, step.cross[0])
        np.testing.assert_allclose(weight[number], expected, atol=1e-9)


@pytest.mark.parametrize(("max_windows", "stride"), [(None, 1), (150, 3), (1, 107)])
@pytest.mark.parametrize("gaps", ["masked", "complete"])
def test_thinned_windows_end_with_the_last(max_windows, stride, gaps):
    values = walks(120, 3)
    weight, report = solve(Robust(3), values, gaps=gaps, max_windows=max_windows)
    all_windows = np.lib.stride_tricks.sliding_window_view(values.numpy(), WIDTH, axis=0)
    windows = all_windows[::-1][::stride].reshape(-1, WIDTH)
    np.testing.assert_allclose(weight, least_squares(Robust(1), windows), atol=1e-8)
    assert report.windows == len(windows)


def test_thinning_with_gaps_keeps_one_matrix_per_step():
    values = remove_values(walks(200, 4), 0.05)
    weight, _ = solve(Robust(4), values, max_windows=300)
    thin = list(equations_with_gaps(values, Robust(4).double(), LOOKBACK, HORIZON, stride=3))
    assert len(thin) == HORIZON
    for number, step in enumerate(thin):
        ridge = step.gram + 1e-3 * step.gram.trace() / LOOKBACK * torch.eye(LOOKBACK)
        np.testing.assert_allclose(
            weight[number], torch.linalg.solve(ridge, step.cross[0]), atol=1e-9
        )


def test_max_windows_below_one_raises_an_input_error():
    with pytest.raises(InputError, match="max_windows must be 1 or more but got 0"):
        solve(Robust(3), walks(60, 3), max_windows=0)
