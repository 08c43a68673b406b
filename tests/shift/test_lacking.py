"""One answer in every table, and cells that are lacking: nobody else's figures change."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from revin_forecast.shift.aggregates import (
    aggregate_tables,
    build_panels,
    dataset_errors,
    lacking_cells,
    leaderboard,
    pairwise_ratios,
)
from tests.support.evidence_pages import PAGES
from tests.support.simulated_benchmark import (
    RESAMPLES,
    fail_cells,
    select,
    select_one,
    simulate_benchmark,
)

COLUMNS = ("clean", "steady", "transition", "observation")
IDENTITY = ["dataset", "backbone", "normalizer", "normalizer_a", "normalizer_b", "column"]
IDENTITY += ["placement", "shift", "arm", "decile", "severity"]
FIGURES = {
    "headline": ["mase", "lo", "hi", "against_twin", "twin_lo", "twin_hi", "shift_effect"],
    "nce": ["nce", "lo", "hi", "relative"],
    "mce": ["mce", "lo", "hi"],
    "natural": ["mase", "lo", "hi"],
    "pairs": ["log_ratio", "lo", "hi"],
    "tests": ["median_log_ratio", "p"],
    "ausc": ["ausc", "mean_r"],
    "recovery": ["k90"],
    "effective": ["effective"],
    "dataset_errors": ["mase", "lo", "hi", "against_twin"],
    "fills": ["mase", "lo", "hi", "against_twin", "against_level"],
}


def list_disagreements(headline):
    """Return the rows in which errors and ratio to the twin differ, or their signs do.

    Args:
        headline: the table of the headline.
    """
    models = headline[(headline.role == "model") & headline.against_twin.notna()]
    twins = models[models.normalizer == "Identity"].set_index(["backbone", "column"]).mase
    keys = pd.MultiIndex.from_frame(models[["backbone", "column"]])
    quotient = np.log(models.mase.to_numpy() / twins.reindex(keys).to_numpy())
    ratio = models.against_twin.to_numpy()
    is_certain = (models.twin_lo > 0).to_numpy() | (models.twin_hi < 0).to_numpy()
    has_other_sign = np.sign(quotient) != np.sign(ratio)
    return models[(np.abs(quotient - ratio) > 1e-12) | (is_certain & has_other_sign)]


@settings(max_examples=4, deadline=None)
@given(st.integers(0, 2**32 - 1), st.booleans())
def test_headline_and_twin_never_disagree(seed, has_zeros):
    rng = np.random.default_rng(seed)
    cells, _ = simulate_benchmark(datasets="ab"[: rng.integers(1, 3)], seeds=(0, 1))
    # Errors of any size, each far from those of the other cells, and some of them 0.
    errors = np.exp(rng.normal(0, 3, len(cells))) * (rng.random(len(cells)) > 0.1 * has_zeros)
    cells = cells.assign(mase_pb=errors)
    if rng.random() < 0.5:
        cells = fail_cells(cells, backbone="mlp", seed=1, severity=int(rng.integers(0, 4)))
    panels = build_panels(cells, {}, 2)
    headline = leaderboard(panels)
    assert len(list_disagreements(headline)) == 0
    models = headline[headline.against_twin.notna() & headline.clean_gain.notna()]
    effect = models.clean_gain + models.shift_effect
    np.testing.assert_allclose(effect, models.against_twin, atol=1e-12)
    # The tables of pairs and of data sets say the same.
    pairs = select(pairwise_ratios(panels), normalizer_b="Identity")
    means = pairs.groupby(["backbone", "column"]).log_ratio.mean()
    parts = dataset_errors(panels)
    for row in models[models.normalizer == "RevIN"].itertuples():
        assert means[row.backbone, row.column] == pytest.approx(row.against_twin, abs=1e-12)
        own = select(parts, backbone=row.backbone, normalizer="RevIN", column=row.column)
        assert np.log(own.mase).mean() == pytest.approx(math.log(row.mase), abs=1e-12)


def test_a_disagreement_is_found():
    row = {"backbone": "a", "role": "model", "column": "observation"}
    twin = {"normalizer": "Identity", "mase": 4.28, "against_twin": 0.0, "twin_lo": 0, "twin_hi": 0}
    model = {"normalizer": "RevIN", "mase": 4.67, "against_twin": math.log(0.977)}
    bounds = {"twin_lo": -0.05, "twin_hi": -0.01}
    table = pd.DataFrame([row | twin, row | model | bounds])
    assert list_disagreements(table).normalizer.tolist() == ["RevIN"]


@pytest.mark.parametrize("suite", ["shift_quick", "shift_standard"])
def test_committed_headlines_and_twins_agree(suite):
    headline = pd.read_parquet(PAGES / suite / "headline.parquet")
    assert len(headline) > 50
    assert len(list_disagreements(headline)) == 0


def with_gaps(cells, errors):
    """Return the benchmark with cells of the shift `missing`, from those of spikes."""
    parts, more = [cells], dict(errors)
    for placement, arm in (("observation", "level"), ("fill", "nan")):
        part = select(cells, placement="observation").assign(placement=placement, arm=arm)
        part = part.assign(shift="missing", cell_key=part.cell_key + arm)
        more |= {key: errors[key.removesuffix(arm)] for key in part.cell_key}
        parts.append(part)
    return pd.concat(parts, ignore_index=True), more


def find_changes(before, after, is_affected):
    """Return the figures that are another number after the loss of cells, by table and row."""
    changes = []
    for name, columns in FIGURES.items():
        keys = [key for key in IDENTITY if key in before[name] and key in after[name]]
        left = before[name].set_index(keys)[columns].astype(float)
        right = after[name].set_index(keys)[columns].astype(float).reindex(left.index)
        is_equal = (left == right) | (left.isna() & right.isna())
        changed = left[~is_equal.all(axis=1)].index
        is_gone = (is_equal | right.isna()).all(axis=1)
        changes += [(name, key) for key in changed if not (is_affected(key) and is_gone[key])]
    return changes


@pytest.fixture(scope="module")
def benchmark():
    cells, errors = with_gaps(*simulate_benchmark("ab"))
    return cells, errors, aggregate_tables(cells, errors, RESAMPLES)


@pytest.mark.parametrize("lost", [("mlp", "RevIN"), ("linear", "Identity")])
def test_a_killed_worker_changes_no_figure_of_another_model(benchmark, lost):
    cells, errors, before = benchmark
    killed = {"backbone": lost[0], "normalizer": lost[1], "dataset": "b", "seed": 0}
    is_lost = cells.index.isin(select(cells, **killed).index) & (np.arange(len(cells)) % 2 == 0)
    broken = cells.copy()
    broken.loc[is_lost, "status"] = "failed"
    broken.loc[is_lost, ["mase_pb", "mase_undamped", "r_log", "e0_ref"]] = math.nan
    after = aggregate_tables(broken, errors, RESAMPLES)

    def is_affected(key):  # what needs the lost cells is gone, not another number
        return (lost[0] in key and lost[1] in (*key, "Identity")) or name_pair(key)

    def name_pair(key):  # tests over all backbones
        return len(key) == 3 and lost[1] in key[:2]

    assert find_changes(before, after, is_affected) == []
    rows = select(after["headline"], backbone=lost[0], normalizer=lost[1])
    assert rows.mase.isna().all()
    assert rows["rank"].isna().all()
    assert rows.note.str.contains(r"lacks \d+ of \d+ cells: b \d+ \(").all()
    lacking = after["lacking"]
    assert lacking.n_lacking.sum() == is_lost.sum()
    assert set(zip(lacking.backbone, lacking.normalizer, lacking.dataset, strict=True)) == {
        (*lost, "b")
    }
    assert len(before["lacking"]) == 0


def test_the_note_counts_the_cells_that_a_row_lacks(benchmark):
    cells, errors, _ = benchmark
    values = {"placement": "steady", "dataset": "a", "backbone": "mlp", "normalizer": "Identity"}
    tables = aggregate_tables(fail_cells(cells, **values, shift="scale"), errors, 10)
    row = select_one(tables["headline"], backbone="mlp", normalizer="Identity", column="steady")
    assert (row.n_datasets, row.n_lacking, row.n_failed) == (1, 8, 8)
    assert row.note == "lacks 8 of 28 cells: a 8 (scale a, scale b)"
    row = select_one(tables["headline"], backbone="mlp", normalizer="RevIN", column="steady")
    assert np.isfinite(row.mase)
    assert np.isnan(row.against_twin)
    assert row.note.endswith(": it lacks 8 of 28 cells: a 8 (scale a, scale b)")
    test = select_one(tables["tests"], column="steady")
    assert test.note == "no test: cells are lacking on a; the table of pairs names them"
    pair = select_one(tables["pairs"], column="steady", dataset="a", backbone="mlp")
    assert pair.note == "Identity lacks 8 of 14 cells: a 8 (scale a, scale b)"
    assert (
        select(tables["nce"], backbone="mlp", normalizer="RevIN", shift="level").nce.notna().all()
    )
    assert select(tables["mce"], backbone="mlp", placement="steady").mce.isna().all()


def test_a_cell_that_no_model_has_done_is_left_out_for_all(benchmark):
    cells, errors, _ = benchmark
    lost = {"shift": "level", "severity": 3, "dataset": "a"}
    panels = build_panels(fail_cells(cells, **lost), errors, 10)
    headline = leaderboard(panels)
    without = leaderboard(build_panels(cells.drop(select(cells, **lost).index), errors, 10))
    row = select_one(lacking_cells(panels))
    assert (row.backbone, row.n_lacking, row.n_required, row.what) == ("every model", 2, 0, "level")
    columns = ["mase", "lo", "hi", "against_twin", "n_lacking"]
    pd.testing.assert_frame_equal(headline[columns], without[columns])
    assert headline.mase.notna().all()


def test_gaps_that_models_fill_have_a_table_of_their_own(benchmark):
    cells, errors, tables = benchmark
    headline = leaderboard(build_panels(cells[cells.placement != "fill"], errors, RESAMPLES))
    pd.testing.assert_frame_equal(tables["headline"], headline)
    for name in ("nce", "mce", "ausc"):
        assert "fill" not in set(tables[name].placement)
    row = select_one(tables["fills"], backbone="mlp", normalizer="RevIN", severity=2)
    part = select(cells, placement="fill", severity=2, backbone="mlp")
    own, twin = (np.log(select(part, normalizer=name).mase_pb) for name in ("RevIN", "Identity"))
    assert row.mase == pytest.approx(math.exp(own.mean()))
    assert row.against_twin == pytest.approx(own.mean() - twin.mean())
    assert row.against_level == 0  # the simulated errors with the level as fill are the same
    assert row.lo < row.mase < row.hi
    assert len(tables["fills"]) == 2 * 6


def test_a_failed_natural_shift_is_no_cell_that_every_model_lacks(benchmark):
    cells, errors, _ = benchmark
    lost = select(cells, placement="natural", dataset="a", backbone="mlp", normalizer="RevIN")
    # A measured cell has a row for each decile, and a failed one a single row without decile.
    failed = lost.drop_duplicates("seed").assign(status="failed", shift="none", severity=0)
    panels = build_panels(pd.concat([cells.drop(lost.index), failed]), errors, 10)
    row = select_one(lacking_cells(panels), column="natural")
    assert (row.backbone, row.normalizer, row.what) == ("mlp", "RevIN", "level_decile")
    assert row.n_lacking == row.n_required == len(lost)
