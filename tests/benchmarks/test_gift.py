"""The tasks of GIFT-Eval: our seasonal naive forecast equals the official one, and the page."""

import pytest
import torch

from benchmarks.accuracy import gift
from benchmarks.accuracy.gift_scores import forecast_seasonal_naive, score_quantiles
from benchmarks.accuracy.gift_tasks import LEVELS, TASKS, load_task
from tests.support.evidence_pages import committed_rows, repeat_page

OFFICIAL = gift.load_published()["Seasonal_Naive"]


@pytest.mark.parametrize("name", ["m4_weekly/W/short", "m4_hourly/H/short", "ett2/H/long"])
def test_the_seasonal_naive_forecast_has_the_official_scores(name, data_dir):
    (task,) = (task for task in TASKS if task.name == name)
    loaded = load_task(task, data_dir)
    scores = score_quantiles(forecast_seasonal_naive(loaded), loaded)
    assert scores == pytest.approx({score: OFFICIAL[name, score] for score in scores}, rel=3e-6)


def test_the_windows_follow_each_other_up_to_the_last_row(data_dir):
    task = TASKS[2]
    loaded = load_task(task, data_dir)
    assert len(loaded.series) == 17_420
    assert loaded.origins == tuple(17_420 - 48 * left for left in range(20, 0, -1))
    assert loaded.truth.shape == (20, 48, 7)
    # Perfect quantiles score 0.
    perfect = loaded.truth.unsqueeze(3).expand(-1, -1, -1, len(LEVELS))
    assert score_quantiles(perfect, loaded) == {"MASE": 0, "WQL": 0}
    assert torch.equal(loaded.truth[1, 0], torch.from_numpy(loaded.series.values)[17_420 - 912])


def test_means_are_geometric_and_need_every_task():
    published = dict.fromkeys(gift.load_published(), 2.0)
    rows = [
        {"score": "MASE", "task": "m4/W/short", "default": 4.0, "closed form": None},
        {"score": "MASE", "task": "ett1/H/short", "default": 1.0, "closed form": 1.0},
    ]
    rows = [row | {"seasonal naive": 2.0} | published for row in rows]
    *kept, every, ett = gift.add_summary_rows(rows)
    assert kept == rows
    assert (every["default"], every["closed form"]) == (1.0, None)
    assert (ett["default"], ett["closed form"]) == (0.5, 0.5)
    assert gift.add_summary_rows([*rows, every, ett]) == [*rows, every, ett]


def test_a_quick_run_writes_the_page(tmp_path, data_dir):
    rows = repeat_page("accuracy_gift", tmp_path, data_dir=data_dir)
    assert [row["score"] for row in rows] == ["MASE"] * 3 + ["WQL"] * 3
    assert rows[0]["default"] < rows[0]["seasonal naive"]


def test_the_committed_page_has_every_task_and_official_scores():
    rows = committed_rows("accuracy_gift")
    tasks = {(row["task"], row["score"]): row for row in rows if "/" in row["task"]}
    assert set(tasks) == set(OFFICIAL)
    for key, row in tasks.items():
        assert row["seasonal naive"] == pytest.approx(OFFICIAL[key], rel=3e-6)
