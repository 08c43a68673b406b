"""Updates of fitted models: equal to a fit on all rows, or refused."""

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast import Forecaster, Identity, LastValue, RevIN, Ridge
from revin_forecast.backbones import SeasonalNaive
from revin_forecast.backbones.target_channels import unwrap
from revin_forecast.closed_form import fit_ridge
from revin_forecast.closed_form.gap_free_windows import gap_free_share
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.selection.candidates import NORMALIZERS
from revin_forecast.selection.linear_maps import LinearMap
from revin_forecast.selection.select_local import select_local, solve_short_maps

HORIZON, LOOKBACK = 4, 8
MODELS = Path(__file__).parents[1] / "fixtures" / "models" / "schema-6"
RIDGE = partial(Ridge, penalties=[1e-3])


def make_table(rows=400, channels=3, seed=0, frequency="h"):
    """Return series with a day, a level that wanders, and noise."""
    random = np.random.default_rng(seed)
    step = np.arange(rows)[:, None]
    values = 50 + random.normal(0, 0.3, (rows, channels)).cumsum(axis=0)
    values += 3 * np.sin(2 * np.pi * step / 24 + np.arange(channels))
    values += random.normal(0, 0.5, (rows, channels))
    table = pd.DataFrame(values, columns=[f"s{number}" for number in range(channels)])
    table.insert(0, "date", pd.date_range("2024-01-01", periods=rows, freq=frequency))
    return table


def fit_named(table, backbone=RIDGE, normalizer=RevIN, **options):
    return Forecaster(HORIZON, LOOKBACK, backbone, normalizer).fit(table, **options)


def solve_all_rows(fitted, table, rows=slice(None)):
    """Return the Ridge of a named model, solved by `fit_ridge` on all rows of a table."""
    values = fitted.standardizer.transform(table[list(fitted.history.names)].to_numpy()[rows])
    values = torch.from_numpy(values)
    normalizer = fitted.config.normalizer.build(values.shape[1])
    ridge = unwrap(fitted.model.backbone)
    penalty = float(fitted.update_state.settings.penalties[0][0])
    own = Ridge(LOOKBACK, HORIZON, values.shape[1], ridge.per_channel, [penalty])
    gaps = "complete" if gap_free_share(values, LOOKBACK + HORIZON) == 1 else "masked"
    fit_ridge(Reversible(own, normalizer), values, gaps=gaps)
    return own


def check_ridge(fitted, expected):
    """Check a map against another, both rounded to float32 from solutions in float64."""
    ridge = unwrap(fitted.model.backbone)
    torch.testing.assert_close(ridge.weight, expected.weight, rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(ridge.bias, expected.bias, rtol=1e-6, atol=1e-8)


@settings(max_examples=12)
@given(
    normalizer=st.sampled_from([RevIN, LastValue, Identity]),
    per_channel=st.booleans(),
    parts=st.lists(st.integers(1, 30), min_size=1, max_size=3),
    rows=st.sampled_from([60, 170]),
    gap=st.none() | st.integers(0, 60),
    is_saved=st.booleans(),
)
def test_updates_equal_a_fit_on_all_rows(
    normalizer, per_channel, parts, rows, gap, is_saved, tmp_path_factory
):
    table = make_table(rows + sum(parts), 2)
    if gap is not None:
        table.loc[min(rows - 50 + gap, len(table) - 2), "s0"] = np.nan
    backbone = partial(RIDGE, per_channel=per_channel)
    forecaster = fit_named(table[:rows], backbone, normalizer)
    first = forecaster.fitted.standardizer
    for count in parts:
        if is_saved:
            folder = tmp_path_factory.mktemp("model")
            forecaster.save(folder)
            forecaster = Forecaster.load(folder)
        begin = forecaster.fitted.summary["rows"]
        forecaster.update(table[begin : begin + count])
    fitted = forecaster.fitted
    check_ridge(fitted, solve_all_rows(fitted, table))
    assert np.array_equal(fitted.standardizer.mean, first.mean)
    assert fitted.history.timestamps[-1] == table.date.iloc[-1]
    np.testing.assert_array_equal(fitted.history.values, table.iloc[-LOOKBACK:, 1:])
    assert fitted.summary["rows"] == len(table)
    assert fitted.summary["unobserved"] == int(table.isna().to_numpy().sum())
    if gap is None:
        # Long tables without gaps are left as sums.
        assert (fitted.update_state.sums is None) == (rows == 60)


def test_one_series_equals_a_new_forecaster_on_all_rows_but_for_the_split():
    table = make_table(300, 1)
    updated = fit_named(table[:250]).update(table[250:])
    new = fit_named(table)
    # A fit leaves out the windows whose targets are on both sides of its validation split.
    np.testing.assert_allclose(updated.predict().s0, new.predict().s0, rtol=2e-3)
    assert updated.predict().date.tolist() == new.predict().date.tolist()


def test_sums_have_the_same_size_whatever_the_number_of_rows():
    table = make_table(1000)
    states = [fit_named(table[:rows]).update(table[rows:]) for rows in (300, 990)]
    sizes = {forecaster.fitted.update_state.byte_count for forecaster in states}
    assert len(sizes) == 1
    assert sizes.pop() < 3 * (LOOKBACK + HORIZON) * 3 * 8 + 200


@pytest.mark.parametrize("rows", [60, 300])
def test_a_window_lets_old_rows_out(rows):
    table = make_table(rows + 40)
    forecaster = fit_named(table[:rows], keep_rows=True)
    for begin in (rows, rows + 20):
        forecaster.update(table[begin : begin + 20], window=rows)
    fitted = forecaster.fitted
    check_ridge(fitted, solve_all_rows(fitted, table, slice(-rows, None)))
    facts = fitted.summary
    assert (facts["rows"], facts["update"]["let_out"]) == (rows, 20)
    assert facts["first"] == str(table.date.iloc[-rows])
    assert len(fitted.update_state.rows) == rows


@pytest.mark.parametrize("rows", [700, 3_000])
def test_the_automatic_choice_is_solved_again_with_its_weights(rows):
    table = make_table(rows + 50, 2, frequency="h")
    forecaster = Forecaster(HORIZON).fit(table[:rows])
    before = forecaster.fitted
    after = forecaster.update(table[rows:]).fitted
    old, new = before.find_combination(), after.find_combination()
    assert torch.equal(new.weights, old.weights)
    values = torch.from_numpy(before.standardizer.transform(table.iloc[:, 1:].to_numpy()))
    checked = 0
    choices = before.update_state.settings.penalties
    for member, description, penalties in zip(new.members, new.descriptions, choices, strict=True):
        ridge = member.backbone
        if len(penalties) != 1:
            continue
        centring = next(
            name
            for name, known in NORMALIZERS.items()
            if str(known.build(2)) == str(member.normalizer)
        )
        pair, is_robust = (ridge.weight, ridge.bias), description.get("is_robust", False)
        chosen = LinearMap(*pair, float(penalties[0]), centring, None, is_robust)
        weight, bias = chosen.refit(values)
        torch.testing.assert_close(ridge.weight, weight.float(), rtol=1e-6, atol=1e-8)
        torch.testing.assert_close(ridge.bias, bias.float(), rtol=1e-6, atol=1e-8)
        checked += 1
    assert checked
    assert len(after.history) == after.config.lookback


def test_short_tables_solve_and_smooth_all_rows():
    table = make_table(160, 4, frequency="D")
    forecaster = Forecaster(HORIZON).fit(table[:150])
    fitted = forecaster.update(table[150:]).fitted
    # Exponential smoothing sees the new rows and all before them.
    assert len(fitted.history) == 160
    state = fitted.update_state
    amounts = table.iloc[:, 1:].to_numpy() / fitted.standardizer.scale
    share, on_logs = (
        torch.from_numpy(part) for part in (state.settings.own_share, state.settings.on_logs)
    )
    maps = [
        (member, weights)
        for member, weights in zip(
            fitted.find_combination().members, fitted.find_combination().weights, strict=True
        )
        if isinstance(member.backbone, Ridge)
    ]
    assert maps
    lookback = maps[0][0].backbone.lookback
    expected = solve_short_maps(amounts, lookback, HORIZON, share, on_logs)
    for member, weights in maps:
        used = weights > 0
        torch.testing.assert_close(
            member.backbone.weight[used], expected[used].to(member.backbone.weight.dtype)
        )


def test_a_window_may_be_shorter_than_the_history_that_is_smoothed():
    table = make_table(160, 4, frequency="D")
    forecaster = Forecaster(HORIZON).fit(table[:150])
    assert forecaster.fitted.takes_whole_history
    windowed = forecaster.update(table[150:], window=100).fitted
    assert len(windowed.history) == windowed.summary["rows"] == 100
    assert windowed.summary["update"]["let_out"] == 60


def test_short_maps_are_those_of_a_selection_on_the_same_rows():
    amounts = make_table(120, 4, frequency="D").iloc[:, 1:].to_numpy() / 10
    selection = select_local(amounts, 7, HORIZON)
    lookback = selection.maps.shape[2]
    maps = solve_short_maps(amounts, lookback, HORIZON, selection.own_share, selection.on_logs)
    torch.testing.assert_close(maps, selection.maps, rtol=1e-9, atol=1e-9)


def test_series_that_end_at_different_times_are_each_continued():
    table = make_table(80, 2, frequency="D")
    long = table.melt("date", var_name="unique_id", value_name="y")
    long = long.rename(columns={"date": "ds"})
    is_early = long.unique_id == "s1"
    old = long[(~is_early & (long.ds < table.date[60])) | (is_early & (long.ds < table.date[55]))]
    new = long.drop(old.index)
    new = new[~((new.unique_id == "s1") & (new.ds >= table.date[70]))]
    forecaster = Forecaster(HORIZON, LOOKBACK, RIDGE).fit(old).update(new)
    fitted = forecaster.fitted
    assert fitted.history.last_timestamps.tolist() == [table.date[79], table.date[69]]
    np.testing.assert_array_equal(fitted.history.values[:, 0], table.s0[72:80])
    np.testing.assert_array_equal(fitted.history.values[:, 1], table.s1[62:70])
    whole = pd.concat([old, new])
    with pytest.raises(InputError, match=r"lacks \['s1'\].*needs one, with an empty value"):
        forecaster.update(new[new.unique_id == "s0"])
    expected = Forecaster(HORIZON, LOOKBACK, RIDGE).fit(whole).predict()
    assert forecaster.predict().ds.tolist() == expected.ds.tolist()
    assert fitted.summary["rows"] == fitted.update_state.row_count == 80


def test_rows_between_count_as_unobserved():
    table = make_table(200)
    forecaster = fit_named(table[:180])
    fitted = forecaster.update(table[183:]).fitted
    assert fitted.summary["unobserved"] == 9
    assert "3 steps between" in fitted.summary["update"]["notes"][0]
    gappy = table.copy()
    gappy.iloc[180:183, 1:] = np.nan
    check_ridge(fitted, solve_all_rows(fitted, gappy))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t[170:], r"2024-01-08 02:00.* is not after .*10 of 30 rows .* overlap"),
        (lambda t: t[100:150], "is not after .*50 of 50 rows .* overlap. Pass only"),
        (lambda t: t[195:], "more than the look-back of 8 steps after"),
        (lambda t: t[180:].drop(columns="s1"), r"lacks \['s1'\].*same columns"),
        (lambda t: t[180:].assign(s0=np.nan, s1=np.nan, s2=np.nan), "no value .* is observed"),
        (lambda t: t[180:].assign(date=t.date + pd.Timedelta("10min")), "whole number of steps"),
        (lambda t: t[180::2], r"step is 2h \(every 2 hours\), but .* rows of step h \(hourly\)"),
        (
            lambda t: t[180:].assign(date=t.date[180:].dt.tz_localize("UTC")),
            "have the time zone UTC, those .* None",
        ),
        (lambda t: t[180:].assign(s0=["x", *t.s0[181:]]), "not a number"),
    ],
    ids=["overlap", "old", "late", "column", "empty", "grid", "step", "zone", "damaged"],
)
def test_rows_that_do_not_follow_are_refused(change, message):
    table = make_table(200)
    forecaster = fit_named(table[:180])
    before = forecaster.fitted
    with pytest.raises(InputError, match=message):
        forecaster.update(change(table))
    assert forecaster.fitted is before


def test_models_without_sums_say_why():
    table = make_table(100, 1)
    trained = Forecaster.load(MODELS / "nested")
    with pytest.raises(InputError, match="Siamese is trained by gradient descent.*Call fit again"):
        trained.update(table)
    known = Forecaster(HORIZON, covariates=["hour"])
    with pytest.raises(InputError, match="it has known inputs"):
        known.fit(table[:90]).update(table[90:])
    old = Forecaster.load(MODELS / "series")
    with pytest.raises(InputError, match="saved by an earlier version.*Call fit again"):
        old.update(table)
    summed = fit_named(make_table(300))
    summed.update(make_table(310)[300:])
    with pytest.raises(InputError, match=r"only sums are left .*keep_rows=True"):
        summed.update(make_table(320)[310:], window=200)
    with pytest.raises(InputError, match="a window of 10 rows is shorter than a look-back of 8"):
        fit_named(table[:90]).update(table[90:], window=10)


def test_naive_models_only_move_on():
    table = make_table(120, 1)
    naive = Forecaster(HORIZON, 24, partial(SeasonalNaive, season=24)).fit(table[:100])
    forecast = naive.update(table[100:]).predict().s0
    np.testing.assert_allclose(forecast, table.s0[96:100], rtol=1e-6)
    assert len(naive.fitted.update_state.rows) == 27


def test_values_beyond_the_range_widen_it():
    table = make_table(200, 1)
    table["s0"] = table.s0.round()
    forecaster = fit_named(table[:180])
    assert (forecaster.predict().s0 % 1 == 0).all()
    later = table[180:].copy()
    later["s0"] = later.s0 - 90.5
    fitted = forecaster.update(later).fitted
    assert fitted.value_range.minimum[0] == -np.inf
    assert not fitted.value_range.is_whole[0]
    assert [note.split(" in ")[0] for note in fitted.summary["update"]["notes"]] == [
        "below 0",
        "not whole",
    ]
