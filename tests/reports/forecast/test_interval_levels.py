"""The intervals a page shows, and the sentences about the others."""

import re

import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli.main import main
from revin_forecast.reports.forecast import image as image_module
from revin_forecast.reports.forecast.interval_levels import format_levels
from tests.support.forecast_pages import extract_data, extract_text, make_table, render_page


def test_quantile_model_shows_its_own_intervals(tmp_path):
    arguments = ["--horizon", "3", "--lookback", "14", "--backbone", "DLinear", "--max-epochs", "1"]
    arguments += ["--loss", "quantile", "--training.levels"]
    page = render_page(tmp_path, make_table(("a",)), *arguments, "[0.05,0.5,0.95]")
    assert "90 % intervals held" in extract_text(page)
    assert "Intervals: the model's own quantiles." in extract_text(page)
    assert "90 % interval" in [trace.get("name") for trace in extract_data(page, "fan")[0]["data"]]
    text = extract_text(render_page(tmp_path, make_table(("a",)), *arguments, "[0.499,0.5,0.501]"))
    assert (
        "There are no intervals to show: the model was trained on the quantiles 0.499, 0.5, 0.501."
        in text
    )


@pytest.mark.parametrize("backbone", [("--backbone", "Ridge", "--lookback", "14"), ()])
def test_all_requested_intervals_of_a_short_table_are_scored(tmp_path, backbone):
    arguments = ["--horizon", "3", *backbone, "--level", "95", "50"]
    page = render_page(tmp_path, make_table(("a",), 42), *arguments)
    text = extract_text(page)
    assert "50 % intervals contained" in text
    assert "95 % intervals contained" in text
    assert "80 % intervals" not in text  # not requested
    assert re.search(r"Intervals: spread of each series' errors, calibrated on \d+ windows\.", text)
    names = [trace.get("name") for trace in extract_data(page, "fan")[0]["data"]]
    assert {"50 % interval", "95 % interval"} <= set(names)
    assert format_levels([50.0, 80.0, 99.5]) == "50, 80 and 99.5 %"


def test_intervals_with_conflicting_column_names_are_hidden(tmp_path, monkeypatch):
    frame = make_table(("sales",))
    frame["sales-lo-80"], frame["sales-hi-80"] = frame.sales - 1, frame.sales + 1
    page = render_page(tmp_path, frame, "--horizon", "3", "--backbone", "Ridge")
    names = [trace.get("name") for trace in extract_data(page, "fan")[0]["data"]]
    assert "95 % interval" in names
    assert "80 % interval" not in names
    text = extract_text(page)
    assert "Intervals of 80 % are not shown: the table has columns of their names" in text
    figures = []
    image = lambda figure, **_: figures.append(figure) or b"<svg/>"  # noqa: E731
    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", image)
    monkeypatch.setattr(image_module, "choose_image_engine", lambda _: "kaleido")
    Forecaster(3, 14, Ridge).fit(frame).save(tmp_path / "model")
    assert main(["predict", str(tmp_path / "model"), "--plot", str(tmp_path / "f.svg")]) == 0
    names = {trace.name for trace in figures[0].data}
    assert "95 % interval" in names
    assert "80 % interval" not in names
