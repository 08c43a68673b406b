"""Models of single series in tables: ragged lengths, order, scores and intervals."""

import numpy as np
import pytest
import torch

from revin_forecast.metrics.seasonal_scale import naive_scale
from revin_forecast.selection.local_models import LAST_SEASON, LAST_VALUE, MAX_ROWS, SMOOTHING
from revin_forecast.selection.select_local import FurtherForecasts, select_local


def walk(rows=60, series=4, seed=0):
    return np.random.default_rng(seed).normal(size=(rows, series)).cumsum(0) / 4 + 5


def make_ragged(lengths, rows=120):
    values = walk(rows, len(lengths))
    for series, length in enumerate(lengths):
        values[: rows - length, series] = np.nan
    return values


def forecast_from_end(selection):
    """Return the weighted mean of the members, (horizon, channels)."""
    forecasts = [
        selection.gather(lambda combination, i=index: combination.members[i].final.nan_to_num())
        for index in range(len(selection.names))
    ]
    return torch.einsum("mc,mhc->hc", selection.weights, torch.stack(forecasts))


def test_a_pair_of_ragged_series_gets_what_each_gets_alone():
    """Two series share neither a map nor their errors; of unlike lengths, not even origins."""
    values = make_ragged([120, 60])
    together = select_local(values, 12, 6)
    assert [len(block.values) for block, _ in together.blocks] == [120, 60]
    for channel in range(2):
        alone = select_local(values[:, [channel]], 12, 6)
        torch.testing.assert_close(together.weights[:, [channel]], alone.weights)
        torch.testing.assert_close(together.maps[[channel]], alone.maps)
        assert together.methods[channel] == alone.methods[0]
        zero = torch.zeros(2).double()
        np.testing.assert_allclose(
            together.calibrate(zero).scores[..., [channel]],
            alone.calibrate(zero[:1]).scores,
            rtol=1e-5,
        )
        torch.testing.assert_close(
            forecast_from_end(together)[:, [channel]], forecast_from_end(alone)
        )


def test_members_of_a_large_table_forecast_as_alone_and_only_weights_are_shared():
    values = make_ragged([120, 118, 119, 60, 59, 9, 1])
    together = select_local(values, 4, 5)
    assert [block.values.shape[1] for block, _ in together.blocks] == [3, 2, 1, 1]
    for name in (SMOOTHING, LAST_SEASON, LAST_VALUE):
        index = together.names.index(name)
        final = together.gather(lambda combination, i=index: combination.members[i].final)
        for channel in range(7):
            alone = select_local(values[:, [channel]], 4, 5)
            expected = alone.blocks[0][1].members[index].final
            torch.testing.assert_close(
                final[:, [channel]], expected, equal_nan=True, rtol=1e-6, atol=1e-9
            )


def test_the_order_of_channels_does_not_matter():
    values = make_ragged([120, 40, 90, 100, 30, 115, 2])
    values[:, 3] -= 30
    first = select_local(values, 12, 6)
    order = np.random.default_rng(1).permutation(7)
    second = select_local(values[:, order], 12, 6)
    torch.testing.assert_close(second.weights, first.weights[:, order])
    torch.testing.assert_close(second.maps, first.maps[order])
    assert torch.equal(second.on_logs, first.on_logs[order])
    assert second.methods == [first.methods[channel] for channel in order]
    torch.testing.assert_close(forecast_from_end(second), forecast_from_end(first)[:, order])
    zero = torch.arange(7).double()
    intervals = second.calibrate(zero[order])
    expected = first.calibrate(zero).select(order.tolist())
    np.testing.assert_allclose(intervals.scores, expected.scores, rtol=1e-5)
    for name in ("reference", "zero", "growth"):
        torch.testing.assert_close(getattr(intervals, name), getattr(expected, name))
    assert second.score_members() == pytest.approx(first.score_members(), nan_ok=True)


def test_blocks_are_split_to_bound_memory(monkeypatch):
    values = walk(60, 6)
    whole = select_local(values, 4, 3)
    monkeypatch.setattr("revin_forecast.selection.select_local.MAX_BLOCK_VALUES", 60 * 5 * 2)
    parts = select_local(values, 4, 3)
    assert [block.values.shape[1] for block, _ in whole.blocks] == [6]
    assert [block.values.shape[1] for block, _ in parts.blocks] == [2, 2, 2]
    smoothing = [part.gather(lambda one: one.members[0].final) for part in (whole, parts)]
    torch.testing.assert_close(*smoothing)


def test_only_the_last_rows_count():
    values = walk(MAX_ROWS + 50, 1)
    changed = values.copy()
    changed[:50] = 1000
    first, second = (select_local(part, 1, 3) for part in (values, changed))
    assert torch.equal(forecast_from_end(first), forecast_from_end(second))
    assert len(first.rows) == MAX_ROWS


def test_scores_are_mean_scaled_errors():
    values = walk(80, 3)
    selection = select_local(values, 4, 5)
    ((block, combination),) = selection.blocks
    scale = naive_scale(torch.from_numpy(values), 4)
    filled = values
    errors = []
    for origin in block.origins:
        truth = filled[origin : origin + 5]
        errors.append(np.abs(truth - filled[origin - 1]).sum(0))
    known = sum(min(5, 80 - origin) for origin in block.origins)
    expected = (np.sum(errors, axis=0) / known / scale.numpy()).mean()
    scores = dict(zip(selection.names, selection.score_members(), strict=True))
    assert scores[LAST_VALUE] == pytest.approx(expected, rel=1e-9)
    residuals = combination.residuals.abs().flatten(0, 1).nanmean(0)
    assert selection.score_combination() == pytest.approx(float((residuals / scale).mean()))
    assert selection.window_count == len(block.origins)


def test_another_model_decides_the_origins_and_gets_weight_where_it_is_good():
    values = walk(120, 4)
    origins = tuple(range(90, 115))
    truth = np.stack([values[origin : origin + 5] for origin in origins])
    truth[..., 1] += 10  # useless for one series
    further = FurtherForecasts("other", origins, torch.from_numpy(truth), torch.ones(4).double())
    selection = select_local(values, 1, 5, further)
    assert selection.blocks[0][0].origins == origins
    share = selection.weights[selection.names.index("other")]
    assert share[[0, 2, 3]].min() > 0.9
    assert share[1] < 0.1


@pytest.mark.parametrize("length", [1, 5, 12])
def test_a_series_too_short_for_those_origins_does_without_that_model(length):
    values = make_ragged([120, length])
    origins = tuple(range(90, 115))
    truth = np.stack([values[origin : origin + 5] for origin in origins])
    forecasts = torch.from_numpy(truth).nan_to_num(0)
    further = FurtherForecasts("other", origins, forecasts, torch.ones(2).double())
    selection = select_local(values, 1, 5, further)
    share = selection.weights[selection.names.index("other")]
    assert share[0] > 0.9
    assert share[1] == 0
    assert np.isfinite(selection.calibrate(torch.zeros(2).double()).scores).all()
