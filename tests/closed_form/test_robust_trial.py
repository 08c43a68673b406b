"""The robust second solve against two explicit solves, and its admission."""

import math

import numpy as np
import pytest
import torch

from revin_forecast.closed_form import SweepGrid, sweep_ridge
from revin_forecast.closed_form.admission import choose_share, is_significant
from revin_forecast.closed_form.fold_maps import FoldMaps
from revin_forecast.closed_form.robust_trial import RobustTrial
from revin_forecast.normalizers import RevIN, ShrunkLevel
from tests.support.closed_form import gather_windows, waves


def spiky_waves(rows=700, channels=2):
    """Waves with rare stretches of large noise, which least squares fits too well."""
    values = waves(*[12.0] * channels, rows=rows, noise=0.1)
    generator = torch.Generator().manual_seed(9)
    bursts = torch.rand(rows // 10, 1, generator=generator).repeat_interleave(10, 0) < 0.1
    noise = torch.randn(rows, channels, generator=generator, dtype=torch.float64)
    return values + torch.where(bursts, 4.0 * noise, 0)


def test_a_robust_sweep_equals_two_explicit_solves():
    values, penalty = spiky_waves(), 1e-2
    grid = SweepGrid((12,), (4,), (penalty,), 4, robust=True)
    swept = sweep_ridge(values, grid)
    ((share,), _) = swept.robust_shares
    assert share > 0
    model = swept.solve(values)[4]
    past, future = gather_windows(values, 12, 4, 12, len(values) - 3)
    level = past.mean(1, keepdims=True)
    x, y = past - level, future - level

    def solve(weights):
        gram = (x * weights[:, None]).T @ x
        ridge = gram + penalty * np.trace(gram) / 12 * np.eye(12)
        return np.linalg.solve(ridge, (x * weights[:, None]).T @ y).T

    first = solve(np.ones(len(x)))
    residuals = np.abs(y - x @ first.T).mean(1).reshape(2, -1)
    weights = 1 / np.maximum(residuals, 0.1 * np.median(residuals, axis=1, keepdims=True))
    weights /= weights.mean(1, keepdims=True)
    expected = (1 - share) * first + share * solve(weights.ravel())
    window = torch.from_numpy(x[0]).float()  # centred: what RevIN shows it
    torch.testing.assert_close(
        model.backbone.weight @ window,
        torch.from_numpy(expected @ x[0]).float(),
        rtol=1e-3,
        atol=1e-4,
    )


def test_the_robust_solve_is_used_only_where_it_gains():
    grid = SweepGrid((12,), (3, 6), (1e-2,), 4, robust=True)
    spiky = sweep_ridge(spiky_waves(), grid)
    (trial,) = spiky.admissions
    assert trial.gain > 0
    assert trial.tried == 2
    constant = torch.ones(300, 1, dtype=torch.float64)
    flat = sweep_ridge(constant, grid)
    assert not any(map(any, flat.robust_shares))
    assert all(model.backbone.weight.isfinite().all() for model in flat.solve(constant).values())


def test_channels_with_own_maps_decide_for_themselves():
    values = torch.cat([spiky_waves(), waves(5, rows=700, noise=0.3)], dim=1)
    values[100, 2] = math.nan
    grid = SweepGrid((12,), (6,), (1e-2,), 4, per_channel=True, robust=True)
    swept = sweep_ridge(values, grid)
    trial = swept.admissions[-1]
    own = [any(penalties) for penalties in swept.channel_penalties]
    assert trial.tried == sum(own) + (not all(own))
    first, second, third = swept.robust_shares
    assert own[2] or first == second == third
    model = swept.solve(values)[6]
    assert model.backbone.weight.isfinite().all()


def test_each_fit_is_the_sum_of_the_windows_away_from_its_block():
    values = spiky_waves(400, 1)
    swept = sweep_ridge(values, SweepGrid((8,), (5,), (1e-2,), 3))
    trial = RobustTrial(FoldMaps(values, swept.selection))
    ones = torch.ones(len(trial.runs.middles), dtype=torch.float64)
    sums = trial._sum_fits([values[:, 0]], [ones], 0)
    for fit, block in zip(sums, trial.maps.blocks, strict=True):
        expected = block.fit_equations
        equations = fit.equations()
        assert equations.count == expected.count
        torch.testing.assert_close(equations.gram, expected.gram)
        torch.testing.assert_close(equations.cross, expected.cross)


def test_a_share_is_chosen_by_its_error_and_admitted_by_its_noise():
    # The error is least at a share of 0.5; of the candidates, 1/3 and 2/3 are as good.
    steady = torch.tensor([[10.0] * 4, [-4.0, -4.1, -3.9, -4.0], [4.0] * 4])
    share, gains = choose_share(steady, (0.5, 1.0))
    assert share == 0.5
    torch.testing.assert_close(gains, torch.tensor([1.0, 1.05, 0.95, 1.0]))
    noisy = torch.tensor([[10.0] * 4, [-9.0, 3.0, 3.0, 2.0], [0.0] * 4])
    assert choose_share(noisy, (0.5, 1.0))[0] == 0
    unknown = torch.full((3, 4), math.nan)
    assert choose_share(unknown, (1.0,))[0] == 0
    assert is_significant(torch.tensor([1.0, 2.0, 1.0]))
    assert not is_significant(torch.tensor([3.0, -1.0, -1.0]))


@pytest.mark.parametrize("per_channel", [False, True])
def test_levels_that_return_keep_a_share_of_dense_regression(per_channel):
    generator = torch.Generator().manual_seed(2)
    noise = torch.randn(3000, 2, generator=generator, dtype=torch.float64)
    steps = torch.arange(3000, dtype=torch.float64).unsqueeze(1)
    values = 0.1 * noise + torch.sin(steps * 2 * torch.pi / 12)
    values[:, 1] += 0.1 * noise[:, 1].cumsum(0)  # no return: its level is taken away
    penalty = 1e-3
    grid = SweepGrid((12,), (4,), (penalty,), 4, per_channel=per_channel, keep_levels=True)
    swept = sweep_ridge(values, grid)
    assert swept.level_shares[0] > 0.5
    assert swept.level_shares[1] < 0.1
    model = swept.solve(values)[4]
    assert isinstance(model.normalizer, ShrunkLevel)
    assert isinstance(
        sweep_ridge(values, SweepGrid((12,), (4,), (penalty,), 4)).solve(values)[4].normalizer,
        RevIN,
    )
    if not per_channel:
        return
    # One channel: RevIN's ridge map plus a share of the regression with the level as a column.
    alone = sweep_ridge(values[:, :1], grid)
    series = values[:, :1] - values[:, 0].mean()
    past, future = gather_windows(series, 12, 4, 12, len(values) - 3)
    level = past.mean(1, keepdims=True)
    x, y = past - level, future - level
    gram = x.T @ x
    ridge = penalty * np.trace(gram) / 12 * np.eye(12)
    plain = np.linalg.solve(gram + ridge, x.T @ y).T
    both = np.concatenate([x, level], axis=1)
    full = both.T @ both
    full[:12, :12] += ridge
    kept = np.linalg.solve(full, both.T @ y).T
    share = alone.level_shares[0]
    window = series[100:112, 0].numpy()
    centred = window - window.mean()
    ends = [plain @ centred, kept @ np.append(centred, window.mean())]
    expected = window.mean() + (1 - share) * ends[0] + share * ends[1]
    raw = values[100:112, :1].float().unsqueeze(0)
    forecast = alone.solve(values[:, :1])[4](raw)[0, :, 0].double() - values[:, 0].mean()
    torch.testing.assert_close(forecast, torch.from_numpy(expected), rtol=1e-3, atol=2e-3)
