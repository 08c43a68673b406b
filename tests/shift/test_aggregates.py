"""Aggregates of the shift benchmark against slow formulas, and what they must never do."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from revin_forecast.errors import InputError
from revin_forecast.shift import statistics
from revin_forecast.shift.aggregates import aggregate_tables
from revin_forecast.shift.aggregates.bootstrap import dataset_seed
from revin_forecast.shift.aggregates.degradation import area_under_curve, recovery_age
from revin_forecast.shift.aggregates.effective_robustness import effective_robustness

WINDOWS, BLOCK, RESAMPLES = 60, 6, 60
SPECS = [
    ("clean", "clean", "none", "", 0, -1),
    *(("process", "steady", "level", "", severity, -1) for severity in (1, 2, 3)),
    *(("process", "steady", "scale", arm, severity, -1) for arm in "ab" for severity in (1, 2)),
    *(
        ("process", "horizon" if age == 0 else "transition", "level", "", 2, age)
        for age in (0, 4, 8)
    ),
    *(("observation", "observation", "spikes", "", severity, -1) for severity in (1, 2)),
    *(("natural", "natural", "level_decile", "", decile, -1) for decile in range(3)),
]
SPEC = ["semantics", "placement", "shift", "arm", "severity", "age"]
RUN = ["dataset", "backbone", "normalizer", "seed"]
MODELS = [("linear", "Identity"), ("linear", "RevIN"), ("mlp", "Identity"), ("mlp", "RevIN")]
REFERENCES = [("SeasonalNaive", "LastValue"), ("Constant", "Identity")]


def size(model, spec):
    """How large a model's errors are: RevIN is blind to process shifts and hurt by sensors."""
    (backbone, normalizer), (_, placement, shift, _, severity, age) = model, spec
    level = {"linear": 1.0, "mlp": 1.05, "SeasonalNaive": 1.5, "Constant": 2.0}[backbone]
    if backbone == "Constant" or placement in ("clean", "natural"):
        return level
    left = max(0.0, 1 - age / 8) if placement in ("horizon", "transition") else 1.0
    sensitive = (normalizer == "Identity") == (placement != "observation")
    return level * (1 + (0.5 if shift == "level" else 0.3) * severity * left * sensitive)


def benchmark(datasets=("a", "b"), models=MODELS, seeds=(0, 1), specs=SPECS, size=size):
    """Return a table of cells and the errors of their windows."""
    rows, errors = [], {}
    runs = [(*model, seed, "model") for model in models for seed in seeds]
    runs += [(*model, seeds[0], "reference") for model in REFERENCES]
    for dataset in datasets:
        for backbone, normalizer, seed, role in runs:
            run = f"{dataset}/{backbone}/{normalizer}/{seed}"
            numbers = np.random.default_rng([*run.encode()])
            clean = numbers.gamma(9, 1 / 9, WINDOWS)
            decile = np.argsort(np.random.default_rng([*dataset.encode()]).random(WINDOWS)) % 3
            first = (clean * size((backbone, normalizer), SPECS[0])).astype(np.float32)
            for spec in specs:
                key = f"{run}/{spec}"
                wobble = clean * numbers.gamma(100, 0.01, WINDOWS)
                found = (wobble * size((backbone, normalizer), spec)).astype(np.float32)
                if spec[1] in ("clean", "natural"):
                    found = first if spec[1] == "clean" else first[decile == spec[4]]
                errors[key] = found
                mean, reference = found.mean(dtype=float), first.mean(dtype=float)
                rows.append(
                    dict(zip(SPEC, spec, strict=True))
                    | {"cell_key": key, "run_key": run, "dataset": dataset, "backbone": backbone}
                    | {"normalizer": normalizer, "seed": seed, "role": role, "shift_seed": 0}
                    | {"displacement": 2.0 ** spec[4], "mase_pb": mean, "e0_ref": reference}
                    | {"r_log": math.log(mean / reference), "status": "done"}
                    | {"block_len": math.nan if spec[1] == "natural" else BLOCK}
                )
    return pd.DataFrame(rows), errors


def only(table, **wanted):
    for name, value in wanted.items():
        table = table[table[name] == value]
    return table


def one(table, **wanted):
    found = only(table, **wanted)
    assert len(found) == 1, found
    return found.iloc[0]


def failing(cells, **wanted):
    """Return the cells with some of them failed."""
    cells = cells.copy()
    chosen = cells.index.isin(only(cells, **wanted).index)
    cells.loc[chosen, "status"] = "failed"
    cells.loc[chosen, ["mase_pb", "e0_ref", "r_log", "block_len", "displacement"]] = math.nan
    return cells


def same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, table in found.items():
        pd.testing.assert_frame_equal(table, wanted[name], check_exact=True, obj=name)


@pytest.fixture(scope="module")
def made():
    cells, errors = benchmark()
    return cells, errors, aggregate_tables(cells, errors, RESAMPLES)


def test_headline_is_the_geometric_mean_over_data_sets(made):
    cells, _, found = made
    moved = cells[(cells.severity > 0) | (cells.placement == "clean")]
    for model in MODELS + REFERENCES:
        for column in ("clean", "steady", "transition", "observation"):
            names = {"backbone": model[0], "normalizer": model[1]}
            row = one(found["headline"], column=column, **names)
            mine = only(moved, placement=column, **names)
            logs = [math.log(only(mine, dataset=name).mase_pb.mean()) for name in ("a", "b")]
            assert row.mase == pytest.approx(math.exp(np.mean(logs)))
            assert row.lo < row.mase < row.hi
            assert row.degradation == pytest.approx(mine.r_log.mean(), abs=1e-9)
            assert (row.n_datasets, row.n_failed) == (2, 0)
            if model in MODELS:
                twin = only(moved, placement=column, backbone=model[0], normalizer="Identity")
                pair = mine.merge(twin, on=["dataset", "seed", *SPEC])
                wanted = np.log(pair.mase_pb_x / pair.mase_pb_y).mean()
                assert row.against_twin == pytest.approx(wanted, abs=1e-12)
                assert row.twin_lo <= row.against_twin <= row.twin_hi
            else:
                assert math.isnan(row.against_twin)


def test_interval_of_the_headline_draws_blocks_and_seeds(made):
    _, errors, found = made
    drawn = []
    for dataset in ("a", "b"):
        keys = [f"{dataset}/mlp/RevIN/{seed}/{SPECS[0]}" for seed in (0, 1)]
        stacked = np.stack([errors[key] for key in keys]).astype(float)
        means = statistics.bootstrap_means(stacked, BLOCK, RESAMPLES, dataset_seed(dataset))
        weights = statistics.bootstrap_seed_weights(2, RESAMPLES, dataset_seed(dataset))
        drawn.append(np.log((weights * means).sum(0)))
    row = one(found["headline"], backbone="mlp", normalizer="RevIN", column="clean")
    wanted = np.exp(np.quantile(np.mean(drawn, axis=0), [0.025, 0.975]))
    np.testing.assert_allclose([row.lo, row.hi], wanted, rtol=1e-5)


def test_signs_flip_between_semantics_and_are_never_averaged(made):
    _, _, found = made
    errors = only(found["mce"], backbone="linear", normalizer="RevIN").set_index("placement").mce
    assert errors["steady"] < 0.8 < 1.2 < errors["observation"]
    assert set(errors.index) == {"steady", "horizon", "transition", "observation"}
    plain = only(found["nce"], normalizer="Identity", backbone="mlp")
    assert (plain[["nce", "lo", "hi", "relative"]].dropna(axis=1) == 1).all(axis=None)


def test_normalized_error_by_hand(made):
    cells, _, found = made
    shift = {"placement": "steady", "shift": "scale", "arm": "b"}
    row = one(found["nce"], backbone="mlp", normalizer="RevIN", **shift)
    mine, twin = (
        only(cells, backbone="mlp", normalizer=name, **shift) for name in ("RevIN", "Identity")
    )
    pair = mine.merge(twin, on=["dataset", "seed", *SPEC])
    ratio = np.log(pair.mase_pb_x / pair.mase_pb_y)
    assert row.nce == pytest.approx(math.exp(ratio.groupby(pair.dataset).mean().mean()))
    added = (pair.mase_pb_x - pair.e0_ref_x).mean() / (pair.mase_pb_y - pair.e0_ref_y).mean()
    assert row.relative == pytest.approx(added)
    naive = only(cells, backbone="SeasonalNaive", **shift).drop(columns="seed")
    pair = mine.merge(naive, on=["dataset", *SPEC])
    assert row.nce_naive == pytest.approx(math.exp(np.log(pair.mase_pb_x / pair.mase_pb_y).mean()))
    assert (row.n, row.n_failed) == (2 * 2 * 2, 0)
    assert row.lo < row.nce < row.hi
    steady = only(found["nce"], backbone="mlp", normalizer="RevIN", placement="steady")
    by_shift = np.log(steady.nce).groupby(steady["shift"]).mean()  # two arms are one shift
    whole = one(found["mce"], backbone="mlp", normalizer="RevIN", placement="steady")
    assert whole.mce == pytest.approx(math.exp(by_shift.mean()))
    assert whole.n_shifts == 2


def test_no_relative_error_where_the_shift_costs_the_twin_nothing(made):
    cells, _, found = made
    names = {"backbone": "mlp", "normalizer": "RevIN", "placement": "steady", "shift": "level"}
    costly = one(found["nce"], **names)
    assert 0 < abs(costly.relative) < 0.3
    for almost in (9.0, 1 - 1e-7):
        clean = cells.e0_ref.where(cells.normalizer != "Identity", almost * cells.mase_pb)
        row = one(aggregate_tables(cells.assign(e0_ref=clean), {}, RESAMPLES)["nce"], **names)
        assert math.isnan(row.relative)
        assert row.nce == costly.nce


@settings(max_examples=4)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_is_of_no_effect(made, random):
    cells, errors, found = made
    rows, keys = list(range(len(cells))), list(errors)
    random.shuffle(rows)
    random.shuffle(keys)
    again = aggregate_tables(cells.iloc[rows], {key: errors[key] for key in keys}, RESAMPLES)
    same(again, found)


@settings(max_examples=3)
@given(st.sampled_from([0.125, 0.5, 4.0, 64.0]))
def test_a_common_scale_of_errors_moves_no_ratio(made, factor):
    cells, errors, found = made
    scaled = cells.assign(mase_pb=factor * cells.mase_pb, e0_ref=factor * cells.e0_ref)
    moved = {key: np.float32(factor) * value for key, value in errors.items()}
    again = aggregate_tables(scaled, moved, RESAMPLES)
    for name in ("nce", "mce", "ausc", "recovery", "pairs", "tests"):
        pd.testing.assert_frame_equal(again[name], found[name], atol=1e-5)
    for part in ("mase", "lo", "hi"):
        np.testing.assert_allclose(again["headline"][part], factor * found["headline"][part], 1e-5)
    rest = found["headline"].columns.drop(["mase", "lo", "hi"])
    pd.testing.assert_frame_equal(again["headline"][rest], found["headline"][rest], atol=1e-5)


def test_nobody_leads_by_having_nothing_to_lose():
    flat = {"constant": 2.0, "damped": 1.15}

    def with_flat(model, spec):
        return flat.get(model[0]) or 3 * size(model, spec) - 2 * size(model, SPECS[0])

    models = [*MODELS, ("constant", "Identity"), ("damped", "Identity")]
    cells, errors = benchmark(models=models, size=with_flat)
    found = aggregate_tables(cells, errors, RESAMPLES)["headline"]
    for column, part in found.groupby("column"):
        calm = part[part.backbone.isin(["constant", "damped", "Constant"])]
        if column == "steady":  # they do have the least to lose, and even small errors
            assert calm.mase.min() < part[part.backbone.isin(["linear", "mlp"])].mase.median()
        assert calm.degradation.abs().max() < 0.05
        assert not calm.ranked.any()
        assert calm["rank"].isna().all()
        leader = one(part, rank=1.0)
        assert leader.mase == part[part.ranked].mase.min()
    note = one(found, backbone="damped", column="steady").note
    assert note.startswith("clean error 1")
    assert note.endswith("% above the best")
    assert (only(found, role="reference").note == "a reference").all()


def test_failed_cells_are_counted_and_not_imputed(made):
    cells, errors, whole = made
    hardest = {"placement": "steady", "shift": "level", "severity": 3}
    who = {"backbone": "mlp", "normalizer": "Identity", "seed": 1, "dataset": "a"}
    found = aggregate_tables(failing(cells, **hardest, **who), errors, RESAMPLES)
    # As if that cell had been asked of nobody, the seedless references apart.
    gone = only(cells, **hardest, seed=1, dataset="a").index
    without = aggregate_tables(cells.drop(gone), errors, RESAMPLES)
    for name, table in found.items():
        counts = [column for column in table if column == "n_failed"]
        pd.testing.assert_frame_equal(
            table.drop(columns=counts), without[name].drop(columns=counts), obj=name
        )
    failed = only(found["headline"], column="steady").set_index(["backbone", "normalizer"]).n_failed
    assert failed["mlp", "Identity"] == 1
    assert failed.sum() == 1
    assert only(found["nce"], placement="steady").n_failed.sum() == 1
    for backbone, normalizer in MODELS:
        names = {"backbone": backbone, "normalizer": normalizer, "column": "clean"}
        assert one(found["headline"], **names).mase == one(whole["headline"], **names).mase
    easier = {"backbone": "linear", "normalizer": "Identity", "column": "steady"}
    assert one(found["headline"], **easier).mase < one(whole["headline"], **easier).mase


def test_a_model_without_a_data_set_is_shown_and_not_ranked(made):
    cells, errors, whole = made
    lost = {"dataset": "b", "backbone": "linear", "normalizer": "RevIN"}
    found = aggregate_tables(failing(cells, **lost), errors, RESAMPLES)
    rows = only(found["headline"], backbone="linear", normalizer="RevIN")
    assert (rows.n_datasets == 1).all()
    assert not rows.ranked.any()
    assert rows.note.str.contains("results on 1 of 2 data sets").all()
    others = ~((whole["headline"].backbone == "linear") & (whole["headline"].normalizer == "RevIN"))
    for part in ("mase", "lo", "hi", "against_twin", "n_datasets", "n_failed"):
        left, right = found["headline"][others][part], whole["headline"][others][part]
        np.testing.assert_array_equal(left, right)
    # The plain model has results on both, so its twin is missed in neither.
    gone = {"backbone": "mlp", "normalizer": "Identity", "dataset": "a"}
    table = aggregate_tables(failing(cells, **gone), errors, RESAMPLES)
    rows = only(table["headline"], backbone="mlp", normalizer="RevIN")
    assert rows.against_twin.isna().all()
    assert rows.note.str.contains("no result of the same backbone without a normalizer").all()
    assert only(table["nce"], backbone="mlp", normalizer="RevIN").nce.isna().all()


def test_everything_failed_and_nothing_there(made):
    cells, errors, _ = made
    found = aggregate_tables(failing(cells), errors, RESAMPLES)
    assert (found["headline"].note.str.startswith("no result that can be compared")).all()
    assert found["headline"].n_failed.sum() > 0
    assert found["headline"].mase.isna().all()
    empty = aggregate_tables(cells.iloc[:0], {}, RESAMPLES)
    assert empty.keys() == found.keys()
    for name, table in empty.items():
        assert len(table) == 0
        assert list(table.columns) == list(found[name].columns)


def test_without_window_errors_there_are_numbers_and_no_intervals(made):
    cells, _, found = made
    bare = aggregate_tables(cells, {}, RESAMPLES)
    for name, part in (("headline", "mase"), ("nce", "nce"), ("pairs", "log_ratio")):
        np.testing.assert_array_equal(bare[name][part], found[name][part])
        assert bare[name][["lo", "hi"]].isna().all(axis=None)
    same({"ausc": bare["ausc"]}, {"ausc": found["ausc"]})


def test_errors_of_zero_have_no_ratio_and_hurt_no_other(made):
    cells, errors, whole = made
    perfect = cells.index.isin(only(cells, backbone="SeasonalNaive", dataset="a").index)
    changed = cells.assign(mase_pb=cells.mase_pb.where(~perfect, 0.0))
    changed = changed.assign(r_log=changed.r_log.where(~perfect))
    zeros = {key: 0 * value if "a/Seasonal" in key else value for key, value in errors.items()}
    found = aggregate_tables(changed, zeros, RESAMPLES)
    row = one(found["headline"], backbone="SeasonalNaive", column="steady")
    assert row.mase == 0  # the geometric mean
    mine = only(changed, dataset="b", backbone="SeasonalNaive", placement="steady")
    assert row.degradation == pytest.approx(mine.r_log.mean())
    same({"pairs": found["pairs"]}, {"pairs": whole["pairs"]})
    assert np.isfinite(only(found["nce"], backbone="mlp").nce_naive).all()


def test_natural_deciles_are_drawn_with_all_windows(made):
    cells, errors, found = made
    row = one(found["natural"], backbone="linear", normalizer="RevIN", decile=1)
    mine = only(cells, backbone="linear", normalizer="RevIN", placement="natural", severity=1)
    logs = np.log(mine.groupby("dataset").mase_pb.mean())
    assert row.mase == pytest.approx(math.exp(logs.mean()))
    assert row.displacement == 2
    assert row.lo < row.mase < row.hi
    assert len(found["natural"]) == 3 * len(MODELS + REFERENCES)
    whole = errors[f"a/linear/RevIN/0/{SPECS[0]}"].astype(float)
    part = np.isin(whole, errors[f"a/linear/RevIN/0/{SPECS[-2]}"])
    pair = np.stack([whole * part, part.astype(float)])
    total, share = statistics.bootstrap_means(pair, BLOCK, 300, dataset_seed("a"))
    assert part.sum() == len(errors[f"a/linear/RevIN/0/{SPECS[-2]}"])
    single = only(cells[(cells.dataset == "a") & (cells.seed == 0)], placement="natural")
    both = pd.concat([single, only(cells, dataset="a", seed=0, placement="clean")])
    again = one(
        aggregate_tables(both, errors, 300)["natural"],
        backbone="linear",
        normalizer="RevIN",
        decile=1,
    )
    wanted = np.quantile(total / share, [0.025, 0.975])
    np.testing.assert_allclose([again.lo, again.hi], wanted, rtol=1e-5)


def test_pairs_and_tests_over_seven_data_sets():
    models = [("linear", name) for name in ("Identity", "LastValue", "RevIN")]
    datasets = "abcdefg"
    cells, errors = benchmark(datasets, models=models, seeds=(0,))
    found = aggregate_tables(cells, errors, RESAMPLES)
    assert set(zip(found["tests"].normalizer_a, found["tests"].normalizer_b, strict=True)) == {
        ("LastValue", "RevIN"),
        ("LastValue", "Identity"),
        ("RevIN", "Identity"),
    }
    probabilities = {}
    for row in only(found["tests"], column="steady").itertuples():
        pair = only(found["pairs"], column="steady", normalizer_a=row.normalizer_a)
        ratios = only(pair, normalizer_b=row.normalizer_b).log_ratio.to_numpy()
        assert row.n_datasets == len(ratios) == 7
        assert row.p == pytest.approx(wilcoxon(ratios).pvalue)
        assert row.median_log_ratio == pytest.approx(np.median(ratios))
        probabilities[row.normalizer_a, row.normalizer_b] = (row.p, row.p_holm)
    raw, adjusted = zip(*probabilities.values(), strict=True)
    assert adjusted == pytest.approx(statistics.holm_adjust(raw))
    assert probabilities["RevIN", "Identity"][0] == pytest.approx(2 / 2**7)
    row = one(found["pairs"], normalizer_a="RevIN", dataset="c", column="steady")
    mine = only(cells, dataset="c", placement="steady")
    wide = mine.pivot(index=SPEC, columns=["backbone", "normalizer"], values="mase_pb")["linear"]
    assert row.log_ratio == pytest.approx(np.log(wide["RevIN"] / wide["Identity"]).mean())
    assert row.lo < row.log_ratio < row.hi < 0


def test_there_is_no_test_below_six_data_sets():
    cells, errors = benchmark("abcde", models=MODELS[:2], seeds=(0,))
    found = aggregate_tables(cells, errors, RESAMPLES)["tests"]
    assert len(found) == 4
    assert found[["p", "p_holm"]].isna().all(axis=None)
    assert (found.note == "no test below 6 data sets").all()
    assert found.median_log_ratio.notna().all()


def test_area_under_known_curves():
    places = np.array([0.25, 0.5, 1.0, 2.0, 4.0])
    assert area_under_curve(places, np.log2(places)) == pytest.approx(0)
    assert area_under_curve(places[::-1], np.full(5, 0.7)) == pytest.approx(0.7)
    # A straight line over the logarithm has the mean of its ends, wherever it is measured.
    uneven = np.array([1.0, 1.1, 3.0, 8.0])
    assert area_under_curve(uneven, 2 + np.log2(uneven)) == pytest.approx(3.5)
    assert math.isnan(area_under_curve(np.array([0.0, 1.0]), np.array([0.0, 1.0])))
    assert math.isnan(area_under_curve(np.array([1.0, 1.0]), np.array([0.0, 1.0])))


def test_area_of_the_benchmark(made):
    cells, _, found = made
    names = {"dataset": "b", "backbone": "linear", "normalizer": "Identity", "shift": "level"}
    row = one(found["ausc"], placement="steady", **names)
    ratios = only(cells, placement="steady", **names).groupby("severity").r_log.mean().to_numpy()
    assert row.ausc == pytest.approx((ratios[0] / 2 + ratios[1] + ratios[2] / 2) / 2)
    assert row.mean_r == pytest.approx(ratios.mean())
    assert row.n_seeds == 2
    assert math.isnan(one(found["ausc"], placement="horizon", **names).ausc)


def test_recovery_age_on_a_ramp():
    ages = np.array([0.0, 12, 24, 48, 72, 96])
    ramp = 1 + 3 * (1 - ages / 96)
    assert recovery_age(ages, ramp, clean=1.0) == (96, True)
    assert recovery_age(ages, np.where(ages < 24, 4, 1.3), clean=1.0) == (24, True)
    never, degrades = recovery_age(ages, 1 + 3 * (1 - 0.8 * ages / 96), clean=1.0)
    assert math.isnan(never)
    assert degrades
    nothing, degrades = recovery_age(ages, np.ones(6), clean=1.0)
    assert math.isnan(nothing)
    assert not degrades


def test_recovery_of_the_benchmark_uses_draws_that_have_every_age(made):
    cells, errors, found = made
    plain = only(found["recovery"], backbone="linear", normalizer="Identity")
    assert (plain.k90 == 8).all()
    assert plain.degrades.all()
    assert len(found["recovery"]) == 2 * len(MODELS + REFERENCES)
    wild = cells.assign(mase_pb=cells.mase_pb.where(~((cells.age == 8) & (cells.seed == 1)), 99.0))
    names = {"backbone": "linear", "normalizer": "Identity"}
    assert only(aggregate_tables(wild, errors, 4)["recovery"], **names).k90.isna().all()
    cut = failing(wild, age=4, seed=1, backbone="mlp")  # seed 1 lacks an age, so it is out
    assert (only(aggregate_tables(cut, errors, 4)["recovery"], **names).k90 == 8).all()


def table_of(errors):
    rows = [
        {"backbone": backbone, "normalizer": normalizer, "role": "model", "column": column}
        | {"mase": error, "n_datasets": 2}
        for (backbone, normalizer), pair in errors.items()
        for column, error in zip(("clean", "steady"), pair, strict=True)
    ]
    return pd.DataFrame(rows)


def test_effective_robustness_is_the_residual_of_the_line_of_plain_models():
    clean = np.linspace(0.8, 1.5, 6)
    errors = {(f"net {i}", "Identity"): (e, 1.7 * e**1.3) for i, e in enumerate(clean)}
    errors["net 0", "RevIN"] = (0.9, 1.7 * 0.9**1.3 * math.exp(-0.4))
    found = effective_robustness(table_of(errors)).set_index(["backbone", "normalizer"]).effective
    assert found["net 0", "RevIN"] == pytest.approx(-0.4)
    np.testing.assert_allclose(found.xs("Identity", level="normalizer"), 0, atol=1e-9)
    del errors["net 5", "Identity"]
    assert len(effective_robustness(table_of(errors))) == 0


def test_two_rows_of_one_cell_are_refused(made):
    cells, errors, _ = made
    with pytest.raises(InputError, match=r"1 done cells are there more than once, .*linear.*names"):
        aggregate_tables(pd.concat([cells, cells.iloc[[3]]]), errors, RESAMPLES)


def test_a_cell_too_short_to_be_drawn_stands_at_its_mean(made):
    cells, errors, found = made
    place = {"dataset": "a", "placement": "steady", "severity": cells.severity.max()}
    short = only(cells, **place).cell_key
    fewer = {**errors, **{key: errors[key][: BLOCK + 1] for key in short}}
    again = aggregate_tables(cells, fewer, RESAMPLES)["headline"]
    row, before = (
        one(table, column="steady", backbone="mlp", normalizer="Identity")
        for table in (again, found["headline"])
    )
    assert row.mase == before.mase
    assert row.lo < row.mase < row.hi
    assert row.hi - row.lo < before.hi - before.lo
    nothing = {key: value[: BLOCK + 1] for key, value in errors.items()}
    none = aggregate_tables(cells, nothing, RESAMPLES)["headline"]
    assert none.lo.isna().all()
