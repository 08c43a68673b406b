"""A sweep against windows extracted and solved one by one."""

import math

import numpy as np
import pytest
import torch

from revin_forecast.backbones import Linear, Ridge
from revin_forecast.closed_form import (
    DeseasonalizedModel,
    SweepGrid,
    WindowSums,
    fit_ridge,
    ridge_mse,
    sweep_ridge,
)
from revin_forecast.closed_form.seasonal_profile import repeat_profile
from revin_forecast.closed_form.sweep import CHANNEL_PENALTIES, PROFILE_SHARES
from revin_forecast.closed_form.time_blocks import hold_out_blocks
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.evaluation.sweep import evaluate_sweep
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN, Robust
from tests.support.closed_form import (
    HORIZONS,
    LOOKBACKS,
    PENALTIES,
    SMALL,
    gather_windows,
    seasonal_series,
    walk,
    waves,
)


def test_selected_penalties_have_the_least_error_on_the_blocks():
    values = waves(12, 12)
    swept = sweep_ridge(values, SMALL)
    blocks = hold_out_blocks(WindowSums(values, 9, 5), 3)
    errors = torch.stack([block.errors(LOOKBACKS, PENALTIES, HORIZONS) for block in blocks])
    total = errors.sum(0)  # (lookbacks, groups, penalties)
    assert swept.shared_choices[0].lookbacks == (9,)  # four steps of a period of twelve are too few
    for group, choice in enumerate(swept.shared_choices):
        best = total[1, group].min()
        assert choice.penalties == (PENALTIES[int(total[1, group].argmin())],)
        count = sum(block.held_out_equations.count for block in blocks) * (2, 3)[group]
        assert choice.error == pytest.approx(float(best / count), rel=1e-9)


def test_lookbacks_with_similar_errors_are_averaged():
    values = waves(12, 12, noise=1.0, rows=900)
    first, second = (SweepGrid((size,), HORIZONS, (1e-1,), 3) for size in (24, 26))
    both = SweepGrid((24, 26), HORIZONS, (1e-1,), 3)
    swept = sweep_ridge(values, both)
    assert swept.shared_choices[0].lookbacks == (24, 26)
    model = swept.solve(values, (5,))[5]
    parts = [sweep_ridge(values, part).solve(values, (5,))[5] for part in (first, second)]
    past = values[:26].float().unsqueeze(0)
    expected = (parts[0](past[:, -24:]) + parts[1](past)) / 2
    torch.testing.assert_close(model(past), expected)


def test_the_last_value_is_repeated_if_no_map_beats_it():
    swept = sweep_ridge(walk(160, 4), SweepGrid((20,), (5,), (1e-6,), 3))
    (choice,) = swept.shared_choices
    assert choice.lookbacks == (1,)
    assert choice.penalties == (math.inf,)
    past = walk(30, 4, seed=1).float().unsqueeze(0)
    model = swept.solve(walk(160, 4))[5]
    torch.testing.assert_close(model(past[:, -1:]), past[:, -1:].expand(1, 5, 4))


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_a_sweep_of_one_candidate_equals_a_fit(lookback):
    values = waves(12, 12, 7)
    swept = sweep_ridge(values, SweepGrid((lookback,), HORIZONS, (1e-2,), 3))
    models = swept.solve(values)
    past = values[-lookback:].float().unsqueeze(0)
    for first, horizon in swept.grid.groups:
        model = Reversible(Ridge(lookback, horizon, 3, penalties=[1e-2]), RevIN(3))
        fit_ridge(model, values)
        forecast, expected = models[horizon](past), model(past)
        torch.testing.assert_close(forecast[:, first:], expected[:, first:], rtol=1e-4, atol=1e-5)
    # Each group of steps is solved once, for all horizons.
    torch.testing.assert_close(models[5](past)[:, :2], models[2](past))


def test_channels_change_the_shared_map_if_they_gain():
    sweep = SweepGrid((12,), (6,), PENALTIES, 4, per_channel=True)
    values = waves(5, 12, noise=0.3)
    unlike = sweep_ridge(values, sweep)
    assert all(penalties[0] in CHANNEL_PENALTIES for penalties in unlike.channel_penalties)
    model = unlike.solve(values)[6]
    assert model.backbone.per_channel
    generator = torch.Generator().manual_seed(3)
    twins = values[:, :1] + 0.3 * torch.randn(400, 6, generator=generator, dtype=torch.float64)
    twin_penalties = [penalties[0] for penalties in sweep_ridge(twins, sweep).channel_penalties]
    assert twin_penalties.count(None) >= 4  # gains by chance rarely exceed a standard error


def test_a_channels_map_is_ridge_around_the_shared_one():
    sweep = SweepGrid((12,), (6,), PENALTIES, 4, per_channel=True)
    values = waves(5, 12, noise=0.3)
    swept = sweep_ridge(values, sweep)
    ((choice,), channel_penalties) = swept.shared_choices, swept.channel_penalties
    past, future = gather_windows(values, 12, 6, 12, len(values) - 5)
    level = past.mean(1, keepdims=True)
    x, y = past - level, future - level

    def solve_ridge(x, y, penalty):
        gram = x.T @ x
        return np.linalg.solve(gram + penalty * np.trace(gram) / 12 * np.eye(12), x.T @ y).T

    shared = solve_ridge(x, y, choice.penalties[0])
    weight = swept.solve(values)[6].backbone.weight.detach()
    for channel, (penalty,) in enumerate(channel_penalties):
        part = slice(channel * len(x) // 2, (channel + 1) * len(x) // 2)
        change = solve_ridge(x[part], y[part] - x[part] @ shared.T, penalty)
        window = torch.from_numpy(x[part][0]).float()  # centred: what RevIN shows it
        expected = torch.from_numpy((shared + change) @ x[part][0]).float()
        torch.testing.assert_close(weight[channel] @ window, expected, rtol=1e-3, atol=1e-4)


def test_a_profile_is_subtracted_if_significantly_better():
    shape, values = seasonal_series()
    sweep = SweepGrid((8,), (6,), PENALTIES, 4, season=12)
    swept = sweep_ridge(values, sweep)
    assert swept.profile_share == PROFILE_SHARES[-1]
    model = swept.solve(values)[6]
    assert isinstance(model, DeseasonalizedModel)
    centred = (shape - shape.mean(0)).float()
    torch.testing.assert_close(model.profile, centred, rtol=0, atol=0.3)
    # The same rows with other row numbers have other phases.
    past = values[100:108].float().unsqueeze(0)
    numbers = torch.arange(100.0, 114.0).reshape(1, -1, 1)
    truth = repeat_profile(shape, 114)[108:].float()
    here = (model(past, known=numbers)[0] - truth).square().mean()
    elsewhere = (model(past, known=numbers + 5)[0] - truth).square().mean()
    assert here < 0.2 < elsewhere
    torch.testing.assert_close(model(past, known=numbers + 12), model(past, known=numbers))
    plain = sweep_ridge(walk(400, 2), sweep)
    assert plain.profile_share == 0
    assert isinstance(plain.solve(walk(400, 2))[6], Reversible)


def test_threads_do_not_change_the_result():
    values, before = waves(12, 5), torch.get_num_threads()
    sweep = SweepGrid(LOOKBACKS, HORIZONS, PENALTIES, 3, per_channel=True, season=12)
    results = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            swept = sweep_ridge(values, sweep)
            model = swept.solve(values)[5]
            model = model.model if isinstance(model, DeseasonalizedModel) else model
            results.append(
                (
                    swept.shared_choices,
                    (swept.channel_penalties, swept.profile_share),
                    model.backbone.weight,
                )
            )
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert results[0][:2] == results[1][:2]
    assert torch.equal(results[0][2], results[1][2])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: SweepGrid(lookbacks=()),
            r"lookbacks of a sweep must be positive, ascending .* got \(\)",
        ),
        (lambda: SweepGrid(horizons=(4, 2)), r"horizons of a sweep .* got \(4, 2\)"),
        (lambda: SweepGrid(penalties=(0.0,)), r"penalties of a sweep .* got \(0.0,\)"),
        (
            lambda: SweepGrid(season=1),
            "season of a sweep must be 2 rows or more, or None, but got 1",
        ),
        (lambda: sweep_ridge(walk(25), SMALL), "3 blocks of 12 windows .* more rows, fewer bl"),
        (lambda: sweep_ridge(walk(), SweepGrid((4,), (2,), blocks=1)), "1 blocks of .* 2 or more"),
        (
            lambda: sweep_ridge(torch.full((150, 1), math.nan, dtype=torch.float64), SMALL),
            "a block has no window without a gap: look-back 9 and horizon 5 take 14 rows",
        ),
        (
            lambda: sweep_ridge(waves(12), SMALL).solve(waves(12), (3,)),
            r"horizon 3 is not part of the sweep; take one of \(2, 5\)",
        ),
        (
            lambda: ridge_mse(Reversible(Linear(4, 2, 1), RevIN(1)), walk(30, 1)),
            "only a Ridge inside .* got Linear inside RevIN",
        ),
        (
            lambda: ridge_mse(Reversible(Ridge(4, 2, 1), Robust(1)), walk(30, 1)),
            "got Ridge inside Robust",
        ),
        (
            lambda: ridge_mse(
                Reversible(Ridge(4, 2, 1), RevIN(1)), torch.full((9, 1), math.nan).double()
            ),
            "tables without gaps",
        ),
        (
            lambda: evaluate_sweep(
                ChronologicalSplit(walk().numpy(), 80, 110, 150, has_independent_parts=True),
                SMALL,
                season=2,
            ),
            "one chronological table",
        ),
    ],
)
def test_invalid_sweeps_raise_input_errors(call, message):
    with pytest.raises(InputError, match=message):
        call()
