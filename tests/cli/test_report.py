"""Reports and images written by the commands."""

from functools import partial

import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.cli import report as cli_report
from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.utils.parallel import make_engine
from tests.support.forecast_pages import make_table


def test_requested_levels_are_not_predicted_again(tmp_path, monkeypatch):
    series = read_series(make_table(("a",)))
    forecaster = Forecaster(3, 14, Ridge).fit(series)
    forecast = forecaster.predict(level=[50])
    engines, bounds, predict = [], [], forecaster.predict

    def record_predict(**arguments):
        engines.append(arguments["engine"])
        return predict(**arguments)

    monkeypatch.setattr(forecaster, "predict", record_predict)
    monkeypatch.setattr(cli_report, "write_image", lambda fans, *_: bounds.append(fans[0].bounds))
    plot = str(tmp_path / "f.svg")
    arguments = {"file": "a.csv", "report": None, "plot": plot, "level": [50.0], "future": None}
    engine = make_engine("inline", None)
    draw = partial(cli_report.write_report_and_plot, forecaster, series)
    draw(arguments, "", forecast, None, engine)
    assert engines == []
    draw(arguments | {"level": None}, "", forecast, None, engine)
    assert engines == [engine]
    assert [list(levels) for levels in bounds] == [[50.0], [80.0, 95.0]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--report", "r.pdf"], "a report is one page, written as .html but got r.pdf"),
        (["--plot", "f.gif"], "a picture is written as .png, .svg, .pdf, .jpg, .jpeg or .webp but"),
        (["--plot", "none/f.png"], "there is no folder none to write f.png in; create it"),
        (["--report", "."], ". is a folder; name a file to write"),
        (["--group", "g", "--report", "r.html"], "--report can't be combined with --group"),
    ],
)
def test_unwritable_paths_are_rejected_first(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    make_table(("a",)).to_csv("a.csv", index=False)
    assert main(["forecast", "a.csv", "--horizon", "3", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_report_without_a_backtest_says_so_in_the_text(tmp_path, capsys):
    rows = [f"2024-{month:02},{month + month % 3}" for month in range(1, 11)]
    path = tmp_path / "short.csv"
    path.write_text("\n".join(["month,sold", *rows]))
    words = ["forecast", str(path), "--horizon", "12", "--model", "pretrained"]
    outputs = ["--report", str(tmp_path / "page.html"), "--out", str(tmp_path / "out.csv")]
    assert main([*words, *outputs]) == 0
    shown = capsys.readouterr().out
    assert "trust: not tested: the accuracy of this forecast is unknown" in shown
    assert "Not tested" in (tmp_path / "page.html").read_text()
