"""The grid of intermittent series runs, its scores are right, and its page supports the docs."""

import numpy as np
import pytest

from benchmarks.accuracy import intermittent, intermittent_peers
from benchmarks.accuracy.forecast_intermittent import COLUMNS as PEER_COLUMNS
from benchmarks.accuracy.intermittent import COLUMNS, find_groups, score_task
from benchmarks.accuracy.intermittent_panel import IntermittentTask, load_tasks, simulate_series
from revin_forecast.data.intermittent import is_intermittent
from tests.support.evidence_pages import committed_rows, repeat_page

STAND_IN = """
import sys
import numpy as np
task = np.load(sys.argv[1])
shape = (len(task["horizons"]), 5, 6, task["horizons"].max())
last = task["histories"][:, -1].reshape(-1, 1, 1, 1)
with open(sys.argv[2], "wb") as file:
    np.savez(file, values=np.broadcast_to(last, shape), date="today")
"""


def make_task(history, truth):
    return IntermittentTask("planes", "N1", "D", np.array(history, float), np.array(truth, float))


def test_scores_are_relative_to_the_mean_of_the_history():
    task = make_task([0, 4, 0, 4], [0, 6, np.nan])
    rows = np.array([1, 0, 0, 4, 6, 8.0])
    forecast = np.repeat(rows[:, None], 3, axis=1)
    scores = dict(zip(COLUMNS, score_task(task, forecast), strict=True))
    assert scores["error"] == pytest.approx((1 + 5) / 2 / 2)
    assert scores["RMSE"] == pytest.approx((1 + 25) / 2 / 4)
    assert scores["bias"] == pytest.approx((1 - 5) / 2 / 2)
    assert scores["QL .9"] == pytest.approx(2 * (0.1 * 6 + 0) / 2 / 2)
    assert (scores["<= .8"], scores["<= .9"], scores["80 %"]) == (50, 100, 100)


def test_simulated_series_are_intermittent():
    simulated = list(simulate_series(1))
    assert len(simulated) == 80
    tasks = load_tasks(None, {}, quick=True)
    assert {len(task.truth) for task in tasks} == {12}
    for task in tasks:
        assert is_intermittent(task.history[:, None])[0]
    assert find_groups("bike trips") == ("bike trips",)
    assert find_groups("changing rate") == ("changing rate", "simulated series")


def test_peers_run_once(tmp_path, monkeypatch):
    program = tmp_path / "program.py"
    program.write_text(STAND_IN)
    monkeypatch.setattr(intermittent_peers, "PROGRAM", program)
    runs = []
    monkeypatch.setattr(
        intermittent_peers, "ensure_environment", lambda *given: runs.append(given) or "python"
    )
    tasks = [make_task([0, 4, 0, 3], [1, 2]), make_task([0, 7], [1, 2, 3])]
    for _ in range(2):
        forecasts, date = intermittent_peers.load_peers(tasks, tmp_path)
        assert forecasts["IMAPA"][0].shape == (len(PEER_COLUMNS), 2)
        assert (forecasts["TSB"][1] == 7).all()
        assert date == "today"
    assert len(runs) == 1


def test_a_quick_run_writes_the_page(tmp_path, data_dir):
    rows = repeat_page("accuracy_intermittent", tmp_path, data_dir=data_dir)
    assert {row["model"] for row in rows} == set(intermittent.FORECASTS)
    assert {row["family"] for row in rows} == {"simulated series", "constant rate"}


def test_the_committed_page_supports_the_choices():
    found = {(row["family"], row["model"]): row for row in committed_rows("accuracy_intermittent")}
    peers = ("TSB", "CrostonSBA", "CrostonOptimized", "ADIDA", "IMAPA")
    for group in ("real series", "simulated series", "planes"):
        default = found[group, "default"]
        assert default["QL"] < min(found[group, peer]["QL"] for peer in peers)
        assert default["median's error"] < default["error"]
        assert default["RMSE"] <= found[group, "zero"]["RMSE"]
        assert abs(default["bias"]) < abs(found[group, "zero"]["bias"])
