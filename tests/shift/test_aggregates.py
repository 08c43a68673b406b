"""Aggregates of the shift benchmark against slow formulas, and their invariants."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from revin_forecast.errors import InputError
from revin_forecast.shift import statistics
from revin_forecast.shift.aggregates import (
    ChannelErrors,
    aggregate_tables,
    build_panels,
    channel_errors,
)
from revin_forecast.shift.aggregates.bootstrap import dataset_seed
from revin_forecast.shift.aggregates.degradation import (
    LACKS_CELLS,
    area_under_curve,
    recovery_age,
)
from revin_forecast.shift.aggregates.effective_robustness import effective_robustness
from tests.support.simulated_benchmark import (
    BLOCK,
    CONDITION,
    CONDITIONS,
    MODELS,
    REFERENCES,
    RESAMPLES,
    fail_cells,
    select,
    select_one,
    simulate_benchmark,
)


def assert_tables_equal(left, right):
    assert left.keys() == right.keys()
    for name, table in left.items():
        pd.testing.assert_frame_equal(table, right[name], check_exact=True, obj=name)


@pytest.fixture(scope="module")
def aggregation():
    cells, errors = simulate_benchmark()
    return cells, errors, aggregate_tables(cells, errors, RESAMPLES)


def test_headline_is_the_geometric_mean_over_data_sets(aggregation):
    cells, _, tables = aggregation
    moved = cells[(cells.severity > 0) | (cells.placement == "clean")]
    for model in MODELS + REFERENCES:
        for column in ("clean", "steady", "transition", "observation"):
            names = {"backbone": model[0], "normalizer": model[1]}
            row = select_one(tables["headline"], column=column, **names)
            model_cells = select(moved, placement=column, **names)
            logs = [np.log(select(model_cells, dataset=name).mase_pb).mean() for name in ("a", "b")]
            assert row.mase == pytest.approx(math.exp(np.mean(logs)))
            assert row.lo < row.mase < row.hi
            assert row.degradation == pytest.approx(model_cells.r_log.mean(), abs=1e-9)
            assert (row.n_datasets, row.n_failed) == (2, 0)
            if model in MODELS:
                twin = select(moved, placement=column, backbone=model[0], normalizer="Identity")
                pair = model_cells.merge(twin, on=["dataset", "seed", *CONDITION])
                expected = np.log(pair.mase_pb_x / pair.mase_pb_y).mean()
                assert row.against_twin == pytest.approx(expected, abs=1e-12)
                assert row.twin_lo <= row.against_twin <= row.twin_hi
                clean = select_one(tables["headline"], column="clean", **names)
                assert row.clean_gain == clean.against_twin
                assert row.shift_effect == pytest.approx(expected - clean.against_twin, abs=1e-12)
                assert row.shift_effect_lo <= row.shift_effect <= row.shift_effect_hi
            else:
                assert math.isnan(row.against_twin)


def test_interval_of_the_headline_resamples_blocks_and_seeds(aggregation):
    _, errors, tables = aggregation
    draws = []
    for dataset in ("a", "b"):
        keys = [f"{dataset}/mlp/RevIN/{seed}/{CONDITIONS[0]}" for seed in (0, 1)]
        stacked = np.stack([errors[key] for key in keys]).astype(float)
        means = statistics.bootstrap_means(stacked, BLOCK, RESAMPLES, dataset_seed(dataset))
        weights = statistics.bootstrap_seed_weights(2, RESAMPLES, dataset_seed(dataset))
        draws.append((weights * np.log(means)).sum(0))
    row = select_one(tables["headline"], backbone="mlp", normalizer="RevIN", column="clean")
    expected = np.exp(np.quantile(np.mean(draws, axis=0), [0.025, 0.975]))
    np.testing.assert_allclose([row.lo, row.hi], expected, rtol=1e-5)


def test_signs_flip_between_semantics_and_are_never_averaged(aggregation):
    _, _, tables = aggregation
    errors = select(tables["mce"], backbone="linear", normalizer="RevIN").set_index("placement").mce
    assert errors["steady"] < 0.8 < 1.2 < errors["observation"]
    assert set(errors.index) == {"steady", "horizon", "transition", "observation"}
    plain = select(tables["nce"], normalizer="Identity", backbone="mlp")
    assert (plain[["nce", "lo", "hi", "relative"]].dropna(axis=1) == 1).all(axis=None)


def test_normalized_error_by_hand(aggregation):
    cells, _, tables = aggregation
    shift = {"placement": "steady", "shift": "scale", "arm": "b"}
    row = select_one(tables["nce"], backbone="mlp", normalizer="RevIN", **shift)
    model_cells, twin = (
        select(cells, backbone="mlp", normalizer=name, **shift) for name in ("RevIN", "Identity")
    )
    pair = model_cells.merge(twin, on=["dataset", "seed", *CONDITION])
    ratio = np.log(pair.mase_pb_x / pair.mase_pb_y)
    assert row.nce == pytest.approx(math.exp(ratio.groupby(pair.dataset).mean().mean()))
    added = (pair.mase_pb_x - pair.e0_ref_x).mean() / (pair.mase_pb_y - pair.e0_ref_y).mean()
    assert row.relative == pytest.approx(added)
    naive = select(cells, backbone="SeasonalNaive", **shift).drop(columns="seed")
    pair = model_cells.merge(naive, on=["dataset", *CONDITION])
    assert row.nce_naive == pytest.approx(math.exp(np.log(pair.mase_pb_x / pair.mase_pb_y).mean()))
    assert (row.n, row.n_failed) == (2 * 2 * 2, 0)
    assert row.lo < row.nce < row.hi
    steady = select(tables["nce"], backbone="mlp", normalizer="RevIN", placement="steady")
    by_shift = np.log(steady.nce).groupby(steady["shift"]).mean()  # two arms are one shift
    mean = select_one(tables["mce"], backbone="mlp", normalizer="RevIN", placement="steady")
    assert mean.mce == pytest.approx(math.exp(by_shift.mean()))
    assert mean.n_shifts == 2


def test_no_relative_error_where_the_shift_costs_the_twin_nothing(aggregation):
    cells, _, tables = aggregation
    names = {"backbone": "mlp", "normalizer": "RevIN", "placement": "steady", "shift": "level"}
    costly = select_one(tables["nce"], **names)
    assert 0 < abs(costly.relative) < 0.3
    for almost in (9.0, 1 - 1e-7):
        clean = cells.e0_ref.where(cells.normalizer != "Identity", almost * cells.mase_pb)
        row = select_one(
            aggregate_tables(cells.assign(e0_ref=clean), {}, RESAMPLES)["nce"], **names
        )
        assert math.isnan(row.relative)
        assert row.nce == costly.nce


@settings(max_examples=4)
@given(st.randoms(use_true_random=False))
def test_tables_do_not_depend_on_the_order_of_rows(aggregation, random):
    cells, errors, tables = aggregation
    rows, keys = list(range(len(cells))), list(errors)
    random.shuffle(rows)
    random.shuffle(keys)
    again = aggregate_tables(cells.iloc[rows], {key: errors[key] for key in keys}, RESAMPLES)
    assert_tables_equal(again, tables)


@settings(max_examples=3)
@given(st.sampled_from([0.125, 0.5, 4.0, 64.0]))
def test_common_scale_of_errors_changes_no_ratio(aggregation, factor):
    cells, errors, tables = aggregation
    scaled = cells.assign(mase_pb=factor * cells.mase_pb, e0_ref=factor * cells.e0_ref)
    moved = {key: np.float32(factor) * value for key, value in errors.items()}
    again = aggregate_tables(scaled, moved, RESAMPLES)
    for name in ("nce", "mce", "ausc", "recovery", "pairs", "tests"):
        pd.testing.assert_frame_equal(again[name], tables[name], atol=1e-5)
    for part in ("mase", "lo", "hi"):
        np.testing.assert_allclose(again["headline"][part], factor * tables["headline"][part], 1e-5)
    other_columns = tables["headline"].columns.drop(["mase", "lo", "hi"])
    pd.testing.assert_frame_equal(
        again["headline"][other_columns], tables["headline"][other_columns], atol=1e-5
    )


def test_model_without_a_data_set_is_listed_but_not_ranked(aggregation):
    cells, errors, whole = aggregation
    failed = {"dataset": "b", "backbone": "linear", "normalizer": "RevIN"}
    tables = aggregate_tables(fail_cells(cells, **failed), errors, RESAMPLES)
    rows = select(tables["headline"], backbone="linear", normalizer="RevIN")
    assert (rows.n_datasets == 1).all()
    assert not rows.ranked.any()
    assert rows.mase.isna().all()
    assert set(rows.note) >= {
        "lacks 2 of 4 cells: b 2 (clean)",
        "lacks 14 of 28 cells: b 14 (level, scale a, scale b)",
    }
    others = ~((whole["headline"].backbone == "linear") & (whole["headline"].normalizer == "RevIN"))
    for part in ("mase", "lo", "hi", "against_twin", "n_datasets", "n_failed"):
        left, right = tables["headline"][others][part], whole["headline"][others][part]
        np.testing.assert_array_equal(left, right)
    # Without the twin on one data set there is no comparison over both.
    failed = {"backbone": "mlp", "normalizer": "Identity", "dataset": "a"}
    table = aggregate_tables(fail_cells(cells, **failed), errors, RESAMPLES)
    rows = select(table["headline"], backbone="mlp", normalizer="RevIN")
    assert rows.against_twin.isna().all()
    assert rows.note.str.contains("no result of the same backbone without a normalizer").all()
    assert select(table["nce"], backbone="mlp", normalizer="RevIN").nce.isna().all()


def test_all_cells_failed_and_no_cells(aggregation):
    cells, errors, _ = aggregation
    tables = aggregate_tables(fail_cells(cells), errors, RESAMPLES)
    assert (tables["headline"].note.str.startswith("no result that can be compared")).all()
    assert tables["headline"].n_failed.sum() > 0
    assert tables["headline"].mase.isna().all()
    empty = aggregate_tables(cells.iloc[:0], {}, RESAMPLES)
    assert empty.keys() == tables.keys()
    for name, table in empty.items():
        assert len(table) == 0
        assert list(table.columns) == list(tables[name].columns)


def test_without_window_errors_there_are_no_intervals(aggregation):
    cells, _, tables = aggregation
    without_intervals = aggregate_tables(cells, {}, RESAMPLES)
    for name, part in (("headline", "mase"), ("nce", "nce"), ("pairs", "log_ratio")):
        np.testing.assert_array_equal(without_intervals[name][part], tables[name][part])
        assert without_intervals[name][["lo", "hi"]].isna().all(axis=None)
    assert_tables_equal({"ausc": without_intervals["ausc"]}, {"ausc": tables["ausc"]})


def test_errors_of_zero_have_no_ratio(aggregation):
    cells, errors, whole = aggregation
    perfect = cells.index.isin(select(cells, backbone="SeasonalNaive", dataset="a").index)
    changed = cells.assign(mase_pb=cells.mase_pb.where(~perfect, 0.0))
    changed = changed.assign(r_log=changed.r_log.where(~perfect))
    zeros = {key: 0 * value if "a/Seasonal" in key else value for key, value in errors.items()}
    tables = aggregate_tables(changed, zeros, RESAMPLES)
    row = select_one(tables["headline"], backbone="SeasonalNaive", column="steady")
    # An error of 0 counts as the smallest that float32 can tell from 0.
    other = select(cells, dataset="b", backbone="SeasonalNaive", placement="steady").mase_pb
    assert row.mase == pytest.approx(math.exp((np.log(1e-6) + np.log(other).mean()) / 2))
    model_cells = select(changed, dataset="b", backbone="SeasonalNaive", placement="steady")
    assert row.degradation == pytest.approx(model_cells.r_log.mean())
    assert_tables_equal({"pairs": tables["pairs"]}, {"pairs": whole["pairs"]})
    assert np.isfinite(select(tables["nce"], backbone="mlp").nce_naive).all()


def test_natural_deciles_are_resampled_with_all_windows(aggregation):
    cells, errors, tables = aggregation
    row = select_one(tables["natural"], backbone="linear", normalizer="RevIN", decile=1)
    model_cells = select(
        cells, backbone="linear", normalizer="RevIN", placement="natural", severity=1
    )
    logs = np.log(model_cells.mase_pb).groupby(model_cells.dataset).mean()
    assert row.mase == pytest.approx(math.exp(logs.mean()))
    assert row.displacement == 2
    assert row.lo < row.mase < row.hi
    assert len(tables["natural"]) == 3 * len(MODELS + REFERENCES)
    whole = errors[f"a/linear/RevIN/0/{CONDITIONS[0]}"].astype(float)
    part = np.isin(whole, errors[f"a/linear/RevIN/0/{CONDITIONS[-2]}"])
    pair = np.stack([whole * part, part.astype(float)])
    total, share = statistics.bootstrap_means(pair, BLOCK, 300, dataset_seed("a"))
    assert part.sum() == len(errors[f"a/linear/RevIN/0/{CONDITIONS[-2]}"])
    single = select(cells[(cells.dataset == "a") & (cells.seed == 0)], placement="natural")
    both = pd.concat([single, select(cells, dataset="a", seed=0, placement="clean")])
    again = select_one(
        aggregate_tables(both, errors, 300)["natural"],
        backbone="linear",
        normalizer="RevIN",
        decile=1,
    )
    expected = np.quantile(total / share, [0.025, 0.975])
    np.testing.assert_allclose([again.lo, again.hi], expected, rtol=1e-5)


def test_pairs_and_tests_over_seven_data_sets():
    models = [("linear", name) for name in ("Identity", "LastValue", "RevIN")]
    datasets = "abcdefg"
    cells, errors = simulate_benchmark(datasets, models=models, seeds=(0,))
    tables = aggregate_tables(cells, errors, RESAMPLES)
    assert set(zip(tables["tests"].normalizer_a, tables["tests"].normalizer_b, strict=True)) == {
        ("LastValue", "RevIN"),
        ("LastValue", "Identity"),
        ("RevIN", "Identity"),
    }
    probabilities = {}
    for row in select(tables["tests"], column="steady").itertuples():
        pair = select(tables["pairs"], column="steady", normalizer_a=row.normalizer_a)
        ratios = select(pair, normalizer_b=row.normalizer_b).log_ratio.to_numpy()
        assert row.n_datasets == len(ratios) == 7
        assert row.p == pytest.approx(wilcoxon(ratios).pvalue)
        assert row.median_log_ratio == pytest.approx(np.median(ratios))
        probabilities[row.normalizer_a, row.normalizer_b] = (row.p, row.p_holm)
    raw, adjusted = zip(*probabilities.values(), strict=True)
    assert adjusted == pytest.approx(statistics.holm_adjust(raw))
    assert probabilities["RevIN", "Identity"][0] == pytest.approx(2 / 2**7)
    row = select_one(tables["pairs"], normalizer_a="RevIN", dataset="c", column="steady")
    model_cells = select(cells, dataset="c", placement="steady")
    wide = model_cells.pivot(index=CONDITION, columns=["backbone", "normalizer"], values="mase_pb")[
        "linear"
    ]
    assert row.log_ratio == pytest.approx(np.log(wide["RevIN"] / wide["Identity"]).mean())
    assert row.lo < row.log_ratio < row.hi < 0


def test_there_is_no_test_below_six_data_sets():
    cells, errors = simulate_benchmark("abcde", models=MODELS[:2], seeds=(0,))
    tests = aggregate_tables(cells, errors, RESAMPLES)["tests"]
    assert len(tests) == 4
    assert tests[["p", "p_holm"]].isna().all(axis=None)
    assert (tests.note == "no test below 6 data sets").all()
    assert tests.median_log_ratio.notna().all()


def test_area_under_known_curves():
    displacement = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    assert area_under_curve(displacement, np.log2(displacement)) == pytest.approx(0)
    assert area_under_curve(displacement[::-1], np.full(5, 0.7)) == pytest.approx(0.7)
    # A straight line over the logarithm has the mean of its ends, wherever its points are.
    uneven = np.array([1.0, 1.1, 3.0, 8.0])
    assert area_under_curve(uneven, 2 + np.log2(uneven)) == pytest.approx(3.5)
    assert math.isnan(area_under_curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])))
    assert math.isnan(area_under_curve(np.array([1.0, 1.0]), np.array([0.0, 1.0])))


def test_area_of_the_benchmark(aggregation):
    cells, _, tables = aggregation
    names = {"dataset": "b", "backbone": "linear", "normalizer": "Identity", "shift": "level"}
    row = select_one(tables["ausc"], placement="steady", **names)
    ratios = select(cells, placement="steady", **names).groupby("severity").r_log.mean().to_numpy()
    assert row.ausc == pytest.approx((ratios[0] / 2 + ratios[1] + ratios[2] / 2) / 2)
    assert row.mean_r == pytest.approx(ratios.mean())
    assert row.n_seeds == 2
    assert math.isnan(select_one(tables["ausc"], placement="horizon", **names).ausc)


def test_recovery_age_on_a_ramp():
    ages = np.array([0.0, 12, 24, 48, 72, 96])
    ramp = 1 + 3 * (1 - ages / 96)
    assert recovery_age(ages, ramp, clean=1.0) == (96, True)
    assert recovery_age(ages, np.where(ages < 24, 4, 1.3), clean=1.0) == (24, True)
    never, degrades = recovery_age(ages, 1 + 3 * (1 - 0.8 * ages / 96), clean=1.0)
    assert math.isnan(never)
    assert degrades
    age, degrades = recovery_age(ages, np.ones(6), clean=1.0)
    assert math.isnan(age)
    assert not degrades


def test_recovery_uses_replicates_that_have_every_age(aggregation):
    cells, errors, tables = aggregation
    plain = select(tables["recovery"], backbone="linear", normalizer="Identity")
    assert (plain.k90 == 8).all()
    assert plain.degrades.all()
    assert len(tables["recovery"]) == 2 * len(MODELS + REFERENCES)
    wild = cells.assign(mase_pb=cells.mase_pb.where(~((cells.age == 8) & (cells.seed == 1)), 99.0))
    names = {"backbone": "linear", "normalizer": "Identity"}
    assert select(aggregate_tables(wild, errors, 4)["recovery"], **names).k90.isna().all()
    cut = fail_cells(wild, age=4, seed=1)  # seed 1 lacks an age and is left out
    assert (select(aggregate_tables(cut, errors, 4)["recovery"], **names).k90 == 8).all()
    cut = fail_cells(cells, age=4, seed=1, backbone="mlp", normalizer="RevIN", dataset="a")
    recovery = aggregate_tables(cut, errors, 4)["recovery"]
    assert recovery.note.ne("").sum() == 1
    row = select_one(recovery, backbone="mlp", normalizer="RevIN", dataset="a")
    assert (math.isnan(row.k90), row.note) == (True, LACKS_CELLS)


def table_of(errors):
    rows = [
        {"backbone": backbone, "normalizer": normalizer, "role": "model", "column": column}
        | {"mase": error, "n_lacking": 0}
        for (backbone, normalizer), pair in errors.items()
        for column, error in zip(("clean", "steady"), pair, strict=True)
    ]
    return pd.DataFrame(rows)


def test_effective_robustness_is_the_residual_of_the_line_of_plain_models():
    clean = np.linspace(0.8, 1.5, 6)
    errors = {(f"net {i}", "Identity"): (e, 1.7 * e**1.3) for i, e in enumerate(clean)}
    errors["net 0", "RevIN"] = (0.9, 1.7 * 0.9**1.3 * math.exp(-0.4))
    effective = (
        effective_robustness(table_of(errors)).set_index(["backbone", "normalizer"]).effective
    )
    assert effective["net 0", "RevIN"] == pytest.approx(-0.4)
    np.testing.assert_allclose(effective.xs("Identity", level="normalizer"), 0, atol=1e-9)
    del errors["net 5", "Identity"]
    assert len(effective_robustness(table_of(errors))) == 0


def test_rejects_two_rows_of_one_cell(aggregation):
    cells, errors, _ = aggregation
    with pytest.raises(InputError, match=r"1 done cells occur more than once, .*linear.*names"):
        aggregate_tables(pd.concat([cells, cells.iloc[[3]]]), errors, RESAMPLES)


def test_cell_too_short_to_resample_has_its_mean_in_every_draw(aggregation):
    cells, errors, tables = aggregation
    values = {"dataset": "a", "placement": "steady", "severity": cells.severity.max()}
    short = select(cells, **values).cell_key
    fewer = {**errors, **{key: errors[key][: BLOCK + 1] for key in short}}
    again = aggregate_tables(cells, fewer, RESAMPLES)["headline"]
    row, before = (
        select_one(table, column="steady", backbone="mlp", normalizer="Identity")
        for table in (again, tables["headline"])
    )
    assert row.mase == before.mase
    assert row.lo < row.mase < row.hi
    assert row.hi - row.lo < before.hi - before.lo
    too_short = {key: value[: BLOCK + 1] for key, value in errors.items()}
    without_draws = aggregate_tables(cells, too_short, RESAMPLES)["headline"]
    assert without_draws.lo.isna().all()


def test_errors_of_channels_by_hand():
    cells, errors = simulate_benchmark(datasets=("a",), models=MODELS[:2])
    blocks = {}
    for key, values in errors.items():
        means = values[: len(values) // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
        blocks[key] = np.stack([means, np.full_like(means, np.nan), 3 * means**2], axis=1)
    channels = {key: values.mean(axis=0) for key, values in blocks.items()}
    names = {"a": ("first", "without a scale", "third")}
    parts = ChannelErrors(channels, blocks, names)
    table = channel_errors(build_panels(cells, errors, 20), parts)
    assert set(table.channel) == {"first", "third"}
    row = select_one(table, channel="third", normalizer="RevIN", column="steady")
    used = select(cells, placement="steady", normalizer="RevIN").cell_key
    twins = select(cells, placement="steady", normalizer="Identity", backbone="linear").cell_key
    own, twin = (np.mean([np.log(channels[key][2]) for key in keys]) for keys in (used, twins))
    assert row.mase == pytest.approx(math.exp(own))
    assert row.lo < row.mase < row.hi
    assert row.against_twin == pytest.approx(own - twin)
    assert row.twin_lo < row.against_twin < row.twin_hi < 0
    identity = select(table, normalizer="Identity", backbone="linear")
    assert (identity[["against_twin", "twin_lo", "twin_hi"]] == 0).all(axis=None)
    broken = fail_cells(cells, placement="steady", severity=1, normalizer="RevIN", seed=1)
    row = select_one(
        channel_errors(build_panels(broken, errors, 20), parts),
        **{"channel": "third", "normalizer": "RevIN", "column": "steady"},
    )
    assert math.isnan(row.mase)
    assert row.note == "lacks 3 of 14 cells: a 3 (level, scale a, scale b)"
    assert len(channel_errors(build_panels(cells, errors, 20), ChannelErrors())) == 0
