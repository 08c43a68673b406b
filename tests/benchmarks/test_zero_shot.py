"""The pretrained network alone is scored like the other models, and its ablations change it."""

import numpy as np
import pytest

from benchmarks.accuracy import zero_shot
from benchmarks.accuracy.held_out_tables import TABLES
from benchmarks.accuracy.panel_tasks import load_tasks
from benchmarks.accuracy.zero_shot_card import build_tables
from benchmarks.accuracy.zero_shot_forecasts import (
    LEVELS,
    MEDIAN,
    forecast_histories,
    forecast_tasks,
)
from benchmarks.accuracy.zero_shot_rows import read_panel_peers, read_product_peers
from benchmarks.accuracy.zero_shot_training import SETTINGS
from benchmarks.accuracy.zero_shot_variants import PAIR, VARIANTS
from benchmarks.pages.figures import draw_figure
from revin_forecast.pretrained import network
from revin_forecast.pretrained.synthetic_batches import BatchSettings, SyntheticBatches
from revin_forecast.pretrained.training_state import start_training, take_step
from tests.support.evidence_pages import committed_rows, repeat_page
from tests.support.panel_folder import write_panel

SERIES = (("trips", "tourism", "QS", 4, 4, 40), ("output", "economy", "YS", 1, 3, 30))


@pytest.fixture
def data_folder(tmp_path):
    """Return a folder with a panel of two series that grow and have seasons."""
    return write_panel(tmp_path / "data", SERIES)


def test_a_series_has_the_same_quantiles_in_a_batch_and_alone():
    generator = np.random.default_rng(0)
    histories = [10 + generator.normal(size=rows).cumsum() for rows in (20, 60, 900)]
    histories[1][7] = np.nan
    together = forecast_histories(histories, 4, 70)
    assert together.shape == (3, 70, len(LEVELS))
    assert (np.diff(together, axis=2) >= 0).all()
    for history, quantiles in zip(histories, together, strict=True):
        alone = forecast_histories([history], 4, 70)[0]
        np.testing.assert_allclose(quantiles, alone, rtol=1e-4, atol=1e-4)


def test_the_season_is_found_from_the_dates(data_folder):
    tasks = load_tasks(data_folder / "panel")
    found, given = forecast_tasks(tasks), forecast_tasks(tasks, is_season_given=True)
    np.testing.assert_allclose(found.mean, given.mean, equal_nan=True)
    seasonless = forecast_histories([tasks[0].values], 1, 4)[0]
    assert not np.allclose(found.mean[0, :4], seasonless[:, MEDIAN])
    assert (found.lower[0, 1, :4] <= found.lower[0, 0, :4]).all()
    assert (found.seconds > 0).all()


def test_the_panel_is_planned_by_group_and_committed_rows_are_copied(data_folder):
    with pytest.raises(SystemExit, match=r"--data got \['etth1'\]; the sets are product, gift"):
        next(zero_shot.plan_rows(["etth1"], str(data_folder), True, 1))
    with pytest.raises(SystemExit, match="no random part; leave --seeds out"):
        next(zero_shot.plan_rows(["panel"], str(data_folder), True, 2))
    planned = list(zero_shot.plan_rows(["panel"], str(data_folder), False, 1))
    first = next(row for row in planned if row.key["model"] == "Pretrained")
    measured = first.measure()
    assert (first.key["group"], measured["series"]) == ("all", 2)
    assert float(measured["/ naive"].split()[0]) < 1.5
    copied = next(row for row in planned if row.key["model"] == "AutoETS").measure()
    committed = read_panel_peers(1, "all", "all")["AutoETS"]
    assert copied == committed | {"weights": None}
    assert [*copied] == [*measured]


def test_summaries_are_means_over_tables_and_are_made_once():
    key = {"set": "product", "origin": None}
    rows = [
        key | {"group": name, "model": "Pretrained"} | columns | {"weights": "abc"}
        for name, columns in zip(TABLES, read_product_peers()["AutoETS"], strict=True)
    ]
    *kept, own, _, peer, _, _, naive = zero_shot.add_summary_rows(rows)
    assert kept == rows
    assert (own["group"], own["model"], peer["model"]) == ("all", "Pretrained", "AutoETS")
    assert own["/ naive"] == peer["/ naive"]
    assert (naive["/ naive"], naive["series"]) == ("1 [1, 1]", 23)
    again = zero_shot.add_summary_rows(zero_shot.add_summary_rows(rows))
    assert again == zero_shot.add_summary_rows(rows)


def test_each_variant_changes_the_training_and_leaves_the_package_as_it_was():
    batch = SyntheticBatches(BatchSettings(2, 4, 4, shapes=2, parts=1), 0)[0]
    names = ("DifferenceScale", "SeriesReader", "estimate_seasonal_index", "ENCODER_SIZES")
    before = [getattr(network, name) for name in names]
    losses = {}
    for variant in VARIANTS:
        with variant.applied():
            state = start_training(SETTINGS, 0)
            losses[variant.name] = take_step(state, SETTINGS, batch)
    assert len({round(loss, 6) for loss in losses.values()}) == len(VARIANTS)
    assert [getattr(network, name) for name in names] == before


def test_a_quick_run_scores_tables_and_tasks(tmp_path, data_dir):
    sets = ("--data", "product", "gift")
    rows = repeat_page("accuracy_zero_shot", tmp_path, *sets, data_dir=data_dir)
    assert {row["model"] for row in rows} == {"Pretrained"}
    assert next(row["group"] for row in rows if row["set"] == "gift") == "ett1/H/short"
    assert sum(len(trace.x) for trace in draw_figure("accuracy_zero_shot", rows).data) == len(rows)


def test_figures_for_the_model_card_are_those_of_the_record():
    rows = committed_rows("accuracy_zero_shot")
    tables = {table["title"]: table for table in build_tables(rows)}
    first, second = tables["23 tables, mostly hourly and daily"]["rows"][:2]
    own = next(row for row in rows if (row["set"], row["group"]) == ("product", "all"))
    assert first == ["Pretrained", own["/ naive"], own["MASE"], "", own["80 %"], own["95 %"]]
    assert second[0] == "default"


def test_the_committed_page_has_every_table():
    rows = committed_rows("accuracy_zero_shot")
    own = {row["group"] for row in rows if (row["set"], row["model"]) == ("product", "Pretrained")}
    assert own == {*TABLES, "all"}


def test_a_quick_run_trains_and_scores_every_variant(tmp_path, data_dir):
    rows = repeat_page("zero_shot_ablations", tmp_path, data_dir=data_dir)
    weights = {row["variant"]: row["weights"] for row in rows}
    assert [*weights] == [variant.name for variant in (*VARIANTS, PAIR)]
    assert rows[0]["synthetic / full"].split()[0] == "1"
    assert weights["fewer weights"] < weights["full"] / 4
    assert weights["two seeds"] == 2 * weights["full"]
    assert len({row["synthetic / naive"] for row in rows}) > len(rows) - 2


def test_the_committed_ablations_have_every_variant():
    variants = [row["variant"] for row in committed_rows("zero_shot_ablations")]
    assert variants == [variant.name for variant in (*VARIANTS, PAIR)]
