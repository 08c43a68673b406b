"""A sweep against the slow way: gathered windows, solved one by one."""

import json
import math
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.backbones import Linear, Ridge
from revin_forecast.cli import sweep as commands
from revin_forecast.closed_form import (
    DeseasonalizedModel,
    SweepGrid,
    WindowSums,
    fit_ridge,
    ridge_mse,
    seasonal_profile,
    sweep_ridge,
)
from revin_forecast.closed_form.gap_free_windows import gap_free_moments
from revin_forecast.closed_form.normal_equations import (
    CholeskyRidgePath,
    NormalEquations,
    RidgePath,
    ridge_path,
    squared_error,
)
from revin_forecast.closed_form.seasonal_profile import repeat_profile
from revin_forecast.closed_form.sweep import CHANNEL_PENALTIES, PROFILE_SHARES
from revin_forecast.closed_form.sweep_maps import SweepChoice, absorb_mean, build_map
from revin_forecast.closed_form.time_blocks import hold_out_blocks
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.evaluation.holdout import score
from revin_forecast.evaluation.sweep import evaluate_sweep
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import Identity, LastValue, RevIN, Robust

LOOKBACKS, HORIZONS, PENALTIES = (4, 9), (2, 5), (1e-3, 1e-1, 1.0)
SMALL = SweepGrid(LOOKBACKS, HORIZONS, PENALTIES, blocks=3)


def walk(rows=150, channels=2, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, channels, generator=generator, dtype=torch.float64).cumsum(0) / 4


def waves(*periods, rows=400, noise=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    steps = torch.arange(rows, dtype=torch.float64).unsqueeze(1)
    clean = torch.sin(2 * math.pi * steps / torch.tensor(periods, dtype=torch.float64))
    return clean + noise * torch.randn(clean.shape, generator=generator, dtype=torch.float64)


def gathered(values, lookback, horizon, start, end):
    """Past (windows, lookback) and future of all windows with origins `start` to `end` - 1."""
    pasts, futures = [], []
    for channel in values.numpy().T:
        for origin in range(start, end):
            pasts.append(channel[origin - lookback : origin])
            futures.append(channel[origin : origin + horizon])
    return np.array(pasts), np.array(futures)


def check_equations(equations, past, future):
    wanted = {
        "gram": past.T @ past,
        "cross": future.T @ past,
        "target_squares": (future**2).sum(0),
        "input_sums": past.sum(0),
        "target_sums": future.sum(0),
    }
    for name, value in wanted.items():
        np.testing.assert_allclose(getattr(equations, name), value, rtol=1e-10, atol=1e-9)
    assert equations.count == len(past)


@given(
    lookback=st.integers(1, 9),
    horizon=st.integers(1, 7),
    first=st.integers(0, 40),
    rows=st.integers(7, 40),
    seed=st.integers(0, 9),
)
def test_any_size_and_stretch_comes_from_snapshots(lookback, horizon, first, rows, seed):
    values = walk(90, 2, seed)
    sums = WindowSums(values, 9, 7)
    start, stop = max(first, lookback), first + rows + 9
    sums.prepare_origins(50, 9)  # of other ranges: they must not matter
    equations = sums.equations(lookback, horizon, first, stop)
    windows = gathered(values, lookback, horizon, start, stop - horizon + 1)
    check_equations(equations, *windows)


def test_windows_with_gaps_are_left_out_of_every_range():
    values = walk(90, 2)
    values[20:23, 0] = math.nan
    values[60, 1] = math.inf
    sums = WindowSums(values, 9, 7)
    for lookback, horizon, first, stop in ((9, 7, 0, 90), (3, 2, 0, 50), (5, 7, 30, 80)):
        start, end = max(first, lookback), stop - horizon + 1
        past, future = gathered(values, lookback, horizon, start, end)
        whole = np.isfinite(past).all(1) & np.isfinite(future).all(1)
        assert 0 < whole.sum() < len(whole)
        check_equations(sums.equations(lookback, horizon, first, stop), past[whole], future[whole])


def test_equations_are_cut_centred_and_taken_by_step():
    values = walk()
    past, future = gathered(values, 9, 5, 9, 140)
    equations = WindowSums(values, 9, 5).equations_over(9, 140)
    check_equations(equations.truncate(4, 2), past[:, -4:], future[:, :2])
    check_equations(equations.select_steps(slice(2, 5)), past, future[:, 2:5])
    weights = torch.linspace(0, 1, 9, dtype=torch.float64)
    level = past @ weights.numpy()[:, None]
    check_equations(equations.centre(weights), past - level, future - level)
    rest = equations - WindowSums(values, 9, 5).equations_over(30, 60)
    kept = [place for place in range(2 * 131) if not 30 <= 9 + place % 131 < 60]
    check_equations(rest, past[kept], future[kept])


def test_errors_of_groups_are_those_of_the_maps():
    values = walk()
    training = WindowSums(values, 9, 5).equations_over(9, 80)
    validation = WindowSums(values, 9, 5).equations_over(90, 140)
    path = RidgePath(training)
    errors = path.group_errors(validation, PENALTIES, (2, 5))
    past, future = gathered(values, 9, 5, 90, 140)
    for column, penalty in enumerate(PENALTIES):
        residual = (future - past @ path.solve(penalty).numpy().T) ** 2
        wanted = residual[:, :2].sum(), residual[:, 2:].sum()
        np.testing.assert_allclose(errors[:, column], wanted, rtol=1e-10)
        torch.testing.assert_close(path.solve(penalty)[2:4], path.solve(penalty, slice(2, 4)))


@pytest.mark.parametrize(("horizon", "kind"), [(2, CholeskyRidgePath), (5, RidgePath)])
def test_the_faster_path_comes_to_the_same(horizon, kind):
    equations = WindowSums(walk(), 9, horizon).equations_over(9, 80)
    path, other = ridge_path(equations), RidgePath(equations)
    assert type(path) is kind
    validation = WindowSums(walk(), 9, horizon).equations_over(90, 140)
    errors = path.errors(validation, PENALTIES)
    torch.testing.assert_close(errors, other.errors(validation, PENALTIES))
    torch.testing.assert_close(path.solve(1e-3), other.solve(1e-3))


def test_a_block_is_scored_by_maps_that_saw_none_of_its_targets():
    values = walk()
    lookback, horizon, rows = 9, 5, len(values)
    blocks = hold_out_blocks(WindowSums(values, lookback, horizon), 3)
    origins = range(lookback, rows - horizon + 1)
    edges = [lookback + len(origins) * part // 3 for part in range(4)]
    for block, (start, end) in zip(blocks, pairwise(edges), strict=True):
        check_equations(block.held_out_equations, *gathered(values, lookback, horizon, start, end))
        targets = set(range(start, end + horizon - 1))
        apart = [one for one in origins if not targets & set(range(one, one + horizon))]
        windows = [gathered(values, lookback, horizon, one, one + 1) for one in apart]
        past, future = (np.concatenate(part) for part in zip(*windows, strict=True))
        check_equations(block.fit_equations, past, future)
        errors = block.errors(LOOKBACKS, PENALTIES, HORIZONS)
        held_past, held_future = gathered(values, lookback, horizon, start, end)
        for row, size in enumerate(LOOKBACKS):
            for column, penalty in enumerate(PENALTIES):
                x, z = (part[:, -size:] for part in (past, held_past))
                level, held_level = x.mean(1, keepdims=True), z.mean(1, keepdims=True)
                gram = (x - level).T @ (x - level)
                ridge = gram + penalty * np.trace(gram) / size * np.eye(size)
                weight = np.linalg.solve(ridge, (x - level).T @ (future - level)).T
                miss = (held_future - held_level - (z - held_level) @ weight.T) ** 2
                wanted = miss[:, :2].sum(), miss[:, 2:].sum()
                np.testing.assert_allclose(errors[row, :, column], wanted, rtol=1e-8)
                both = [SweepChoice((size,), (penalty,), math.nan)] * 2
                fitted = block.fit_equations
                raw = build_map(lambda _, own=fitted: own, both, SMALL.groups, lookback)
                np.testing.assert_allclose(block.map_errors(raw, HORIZONS), wanted, rtol=1e-8)
                np.testing.assert_allclose(raw.sum(1), 1)


def test_the_chosen_have_the_least_error_on_the_blocks():
    values = waves(12, 12)
    swept = sweep_ridge(values, SMALL)
    blocks = hold_out_blocks(WindowSums(values, 9, 5), 3)
    errors = torch.stack([block.errors(LOOKBACKS, PENALTIES, HORIZONS) for block in blocks])
    total = errors.sum(0)  # (lookbacks, groups, penalties)
    assert swept.shared_choices[0].lookbacks == (9,)  # four steps of a period of twelve are too few
    for group, chosen in enumerate(swept.shared_choices):
        best = total[1, group].min()
        assert chosen.penalties == (PENALTIES[int(total[1, group].argmin())],)
        count = sum(block.held_out_equations.count for block in blocks) * (2, 3)[group]
        assert chosen.error == pytest.approx(float(best / count), rel=1e-9)


def test_near_ones_are_averaged():
    values = waves(12, 12, noise=1.0, rows=900)
    one, other = (SweepGrid((size,), HORIZONS, (1e-1,), 3) for size in (24, 26))
    both = SweepGrid((24, 26), HORIZONS, (1e-1,), 3)
    swept = sweep_ridge(values, both)
    assert swept.shared_choices[0].lookbacks == (24, 26)
    model = swept.solve(values, (5,))[5]
    parts = [sweep_ridge(values, part).solve(values, (5,))[5] for part in (one, other)]
    past = values[:26].float().unsqueeze(0)
    wanted = (parts[0](past[:, -24:]) + parts[1](past)) / 2
    torch.testing.assert_close(model(past), wanted)


def test_where_nothing_beats_the_last_value_it_is_repeated():
    swept = sweep_ridge(walk(160, 4), SweepGrid((20,), (5,), (1e-6,), 3))
    (chosen,) = swept.shared_choices
    assert chosen.lookbacks == (1,)
    assert chosen.penalties == (math.inf,)
    past = walk(30, 4, seed=1).float().unsqueeze(0)
    model = swept.solve(walk(160, 4))[5]
    torch.testing.assert_close(model(past[:, -1:]), past[:, -1:].expand(1, 5, 4))


@pytest.mark.parametrize("lookback", LOOKBACKS)
def test_a_sweep_of_one_is_a_fit(lookback):
    values = waves(12, 12, 7)
    swept = sweep_ridge(values, SweepGrid((lookback,), HORIZONS, (1e-2,), 3))
    models = swept.solve(values)
    for horizon in HORIZONS:
        model = Reversible(Ridge(lookback, horizon, 3, penalties=[1e-2]), RevIN(3))
        fit_ridge(model, values)
        past = values[-lookback:].float().unsqueeze(0)
        torch.testing.assert_close(models[horizon](past), model(past), rtol=1e-4, atol=1e-5)


def test_channels_change_the_shared_map_where_they_gain():
    sweep = SweepGrid((12,), (6,), PENALTIES, 4, per_channel=True)
    values = waves(5, 12, noise=0.3)
    unlike = sweep_ridge(values, sweep)
    assert all(own[0] in CHANNEL_PENALTIES for own in unlike.channel_penalties)
    model = unlike.solve(values)[6]
    assert model.backbone.per_channel
    generator = torch.Generator().manual_seed(3)
    twins = values[:, :1] + 0.3 * torch.randn(400, 6, generator=generator, dtype=torch.float64)
    kept = [own[0] for own in sweep_ridge(twins, sweep).channel_penalties]
    assert kept.count(None) >= 4  # what they gain by chance is mostly within a standard error


def test_a_changed_map_is_ridge_around_the_shared_one():
    sweep = SweepGrid((12,), (6,), PENALTIES, 4, per_channel=True)
    values = waves(5, 12, noise=0.3)
    swept = sweep_ridge(values, sweep)
    ((chosen,), own) = swept.shared_choices, swept.channel_penalties
    past, future = gathered(values, 12, 6, 12, len(values) - 5)
    level = past.mean(1, keepdims=True)
    x, y = past - level, future - level

    def solved(x, y, penalty):
        gram = x.T @ x
        return np.linalg.solve(gram + penalty * np.trace(gram) / 12 * np.eye(12), x.T @ y).T

    shared = solved(x, y, chosen.penalties[0])
    weight = swept.solve(values)[6].backbone.weight.detach()
    for channel, (penalty,) in enumerate(own):
        part = slice(channel * len(x) // 2, (channel + 1) * len(x) // 2)
        change = solved(x[part], y[part] - x[part] @ shared.T, penalty)
        window = torch.from_numpy(x[part][0]).float()  # centred: what RevIN shows it
        wanted = torch.from_numpy((shared + change) @ x[part][0]).float()
        torch.testing.assert_close(weight[channel] @ window, wanted, rtol=1e-3, atol=1e-4)


def test_errors_of_changed_maps_are_those_of_the_blocks_windows():
    values = walk(150, 1)
    block = hold_out_blocks(WindowSums(values, 9, 5), 3)[1]
    shared = absorb_mean(torch.rand(5, 4, dtype=torch.float64), 9)
    errors = block.channel_map_errors(shared, PENALTIES, HORIZONS)
    edges = [9 + 137 * part // 3 for part in range(4)]
    start, end = edges[1:3]
    past, future = gathered(values, 9, 5, start, end)
    apart = [one for one in range(9, 146) if not start - 5 < one < end + 4]
    windows = [gathered(values, 9, 5, one, one + 1) for one in apart]
    x, y = (np.concatenate(part) for part in zip(*windows, strict=True))
    level, held_level = x.mean(1, keepdims=True), past.mean(1, keepdims=True)
    x, y, z, truth = x - level, y - level, past - held_level, future - held_level
    gram, left = x.T @ x, y - x @ shared.numpy().T
    for column, penalty in enumerate((math.inf, *PENALTIES)):
        weight = shared.numpy().T
        if column:
            ridge = gram + penalty * np.trace(gram) / 9 * np.eye(9)
            weight = weight + np.linalg.solve(ridge, x.T @ left)
        miss = (truth - z @ weight) ** 2
        wanted = miss[:, :2].sum(), miss[:, 2:].sum()
        np.testing.assert_allclose(errors[:, column], wanted, rtol=1e-8)


def seasons(rows=400, season=12, noise=0.5, seed=0):
    """Any season's shape, too jagged for a short window to tell."""
    generator = torch.Generator().manual_seed(seed)
    shape = torch.randn(season, 2, generator=generator, dtype=torch.float64)
    drawn = torch.randn(rows, 2, generator=generator, dtype=torch.float64)
    return shape, repeat_profile(shape, rows) + noise * drawn


@given(
    rows=st.integers(1, 50),
    season=st.integers(2, 9),
    gaps=st.lists(st.integers(0, 49), max_size=9),
    first=st.integers(0, 50),
    length=st.integers(0, 20),
)
def test_a_profile_is_the_mean_at_each_place(rows, season, gaps, first, length):
    values = walk(50, 2)[:rows]
    values[[gap for gap in gaps if gap < rows], 0] = math.nan
    stop = min(rows, first + length)
    profile = seasonal_profile(values, season, (first, max(first, stop)))
    seen = values.numpy().copy()
    seen[first:stop] = math.nan
    for channel in range(2):
        parts = [seen[place::season, channel] for place in range(season)]
        means = [part[np.isfinite(part)].mean() if np.isfinite(part).any() else 0 for part in parts]
        wanted = np.array(means) - np.mean(means)
        np.testing.assert_allclose(profile[:, channel], wanted, atol=1e-12)


def test_a_profile_is_taken_off_where_that_is_clearly_better():
    shape, values = seasons()
    sweep = SweepGrid((8,), (6,), PENALTIES, 4, season=12)
    swept = sweep_ridge(values, sweep)
    assert swept.profile_share == PROFILE_SHARES[-1]
    model = swept.solve(values)[6]
    assert isinstance(model, DeseasonalizedModel)
    centred = (shape - shape.mean(0)).float()
    torch.testing.assert_close(model.profile, centred, rtol=0, atol=0.3)
    # The same rows under other numbers stand at other places.
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


def test_a_blocks_profile_is_that_of_the_rows_outside_its_targets():
    _, values = seasons(150)
    sums = WindowSums(values, 9, 5)
    edges = [9 + 137 * part // 3 for part in range(4)]
    blocks = hold_out_blocks(sums, 3, season=12, share=0.5)
    for block, (start, end) in zip(blocks, pairwise(edges), strict=True):
        changed = values.clone()
        changed[start : end + 4] = 100.0  # targets of the block: its profile can't see them
        profile = seasonal_profile(changed, 12, (start, end + 4))
        rest = values - 0.5 * repeat_profile(profile, 150)
        check_equations(block.held_out_equations, *gathered(rest, 9, 5, start, end))


def test_a_profile_is_scored_like_any_model():
    _, values = seasons(600)
    sweep = SweepGrid((8,), (3, 6), PENALTIES, 3, per_channel=True, season=12)
    found = evaluate_sweep(ChronologicalSplit(values.numpy(), 400, 480, 590), sweep, season=12)
    without = SweepGrid((8,), (3, 6), PENALTIES, 3)
    plain = evaluate_sweep(ChronologicalSplit(values.numpy(), 400, 480, 590), without, season=12)
    assert found.sweep_result.profile_share > 0
    for one, other in zip(found.horizons, plain.horizons, strict=True):
        assert one.closed_form_mse == pytest.approx(one.scores.mse, rel=1e-5)
        assert one.scores.mse < other.scores.mse
        assert one.repeat == other.repeat


def test_a_profile_needs_to_know_where_it_stands():
    model = DeseasonalizedModel(Reversible(Linear(4, 2, 1), RevIN(1)), torch.zeros(3, 1))
    with pytest.raises(ValueError, match=r"each step's row, .* season of 3 but got none"):
        model(torch.zeros(1, 4, 1))
    with pytest.raises(ValueError, match=r"but got \(1, 6, 2\)"):
        model(torch.zeros(1, 4, 1), known=torch.zeros(1, 6, 2))


def test_threads_change_nothing():
    values, before = waves(12, 5), torch.get_num_threads()
    sweep = SweepGrid(LOOKBACKS, HORIZONS, PENALTIES, 3, per_channel=True, season=12)
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            swept = sweep_ridge(values, sweep)
            model = swept.solve(values)[5]
            model = model.model if isinstance(model, DeseasonalizedModel) else model
            found.append(
                (
                    swept.shared_choices,
                    (swept.channel_penalties, swept.profile_share),
                    model.backbone.weight,
                )
            )
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert found[0][:2] == found[1][:2]
    assert torch.equal(found[0][2], found[1][2])


@pytest.mark.parametrize("normalizer", [RevIN, LastValue, Identity])
@pytest.mark.parametrize("per_channel", [False, True])
def test_the_error_in_closed_form_is_that_of_all_windows(normalizer, per_channel):
    values = waves(12, 5)
    model = Reversible(Ridge(9, 5, 2, per_channel=per_channel), normalizer(2)).eval()
    fit_ridge(model, values[:250], values[241:])
    if normalizer is Identity:
        assert model.backbone.bias.abs().min() > 0
    wanted = score(model, Windows(values[200:].float(), 9, 5)).mse
    assert ridge_mse(model, values[200:]) == pytest.approx(wanted, rel=1e-5)


def test_a_sweep_is_evaluated_on_every_test_window():
    values = waves(12, 7, rows=500).numpy()
    found = evaluate_sweep(ChronologicalSplit(values, 300, 380, 500), SMALL, season=12)
    for one in found.horizons:
        assert one.scores.windows == 120 - one.horizon + 1
        assert one.closed_form_mse == pytest.approx(one.scores.mse, rel=1e-5)
        assert one.scores.mse < one.repeat.mse
    values[400, 0] = math.nan
    gap = evaluate_sweep(ChronologicalSplit(values, 300, 380, 500), SMALL, season=12)
    assert [one.closed_form_mse for one in gap.horizons] == [None, None]
    assert gap.horizons[0].scores.mse < gap.horizons[0].repeat.mse
    once = evaluate_sweep(ChronologicalSplit(values, 300, 380, 500), SMALL, season=12, refit=False)
    assert once.sweep_result.shared_choices == gap.sweep_result.shared_choices
    assert once.horizons[0].scores.mse != gap.horizons[0].scores.mse


def test_levels_stand_where_they_were():
    weight = torch.tensor([[0.5, 0.1, 0.1]], dtype=torch.float64)
    raw = absorb_mean(weight, 5)
    past = torch.tensor([9.0, 9.0, 1.0, 2.0, 6.0], dtype=torch.float64)
    seen = past[-3:] - 3
    torch.testing.assert_close(raw @ past, weight @ seen + 3)


def test_complete_windows_are_summed_either_way():
    values = walk()
    moments = gap_free_moments(values, 14)
    fast, slow = (
        WindowSums(values, 9, 5).equations_over(9, 146),
        NormalEquations.from_moments(moments, 9),
    )
    for name in ("gram", "cross", "target_squares", "input_sums", "target_sums"):
        torch.testing.assert_close(getattr(fast, name), getattr(slow, name), rtol=0, atol=1e-9)
    weight = torch.ones(5, 9, dtype=torch.float64) / 9
    torch.testing.assert_close(squared_error(weight, fast), squared_error(weight, slow))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: SweepGrid(lookbacks=()),
            r"lookbacks of a sweep are positive, ascending .* got \(\)",
        ),
        (lambda: SweepGrid(horizons=(4, 2)), r"horizons of a sweep .* got \(4, 2\)"),
        (lambda: SweepGrid(penalties=(0.0,)), r"penalties of a sweep .* got \(0.0,\)"),
        (lambda: SweepGrid(season=1), "season of a sweep is 2 rows or more, or None, but got 1"),
        (lambda: sweep_ridge(walk(25), SMALL), "3 blocks of 12 windows .* more rows, fewer bl"),
        (lambda: sweep_ridge(walk(), SweepGrid((4,), (2,), blocks=1)), "1 blocks of .* 2 or more"),
        (
            lambda: sweep_ridge(torch.full((150, 1), math.nan, dtype=torch.float64), SMALL),
            "a block has no window without a gap: look-back 9 and horizon 5 take 14 rows",
        ),
        (
            lambda: sweep_ridge(waves(12), SMALL).solve(waves(12), (3,)),
            r"horizon 3 was not swept; take one of \(2, 5\)",
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
def test_what_a_sweep_refuses(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_the_command_takes_profiles_and_changes_and_needs_a_season(tmp_path, capsys):
    _, values = seasons(500, season=7)
    days = pd.date_range("2020-01-01", periods=500, freq="D")
    path = tmp_path / "daily.csv"
    pd.DataFrame(values, columns=["a", "b"]).assign(date=days).to_csv(path, index=False)
    sizes = {"lookbacks": [5], "horizons": [3]}
    commands.sweep(str(path), **sizes, profile=True, per_channel=True, json=True)
    chosen = json.loads(capsys.readouterr().out)["chosen"]
    assert (chosen["season"], chosen["profile_share"]) == (7, 1.0)
    assert len(chosen["own_penalties"]) == 2
    commands.sweep(str(path), **sizes, profile=True)
    assert "100% of the profile of 7 rows taken off" in capsys.readouterr().out.replace("\n", " ")
    with pytest.raises(InputError, match=r"daily.csv has none that is known. Name its rows with"):
        commands.sweep(str(path), **sizes, profile=True, season=1)
