"""The page of a forecast: right numbers, every word escaped, charts that answer, no request."""

import base64
import html
import json
import re
import shlex
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest

from revin_forecast import DLinear, Forecaster, Ridge, TrainingSettings
from revin_forecast.cli import report as reporting
from revin_forecast.cli.backtest import backtest as backtest_command
from revin_forecast.cli.forecast import forecast as forecast_command
from revin_forecast.cli.main import main
from revin_forecast.cli.reproduce import format_command_line
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.data.write_table import atomic_output
from revin_forecast.errors import InputError
from revin_forecast.parallel import make_engine
from revin_forecast.reports.forecast import page as written_page
from revin_forecast.reports.forecast.fan_chart import build_fan_charts, fan_figure
from revin_forecast.reports.forecast.image import build_image
from revin_forecast.reports.forecast.interval_levels import format_levels
from revin_forecast.reports.forecast.sections.residuals import (
    autocorrelation,
    bias_sign,
    largest_outlier,
)
from revin_forecast.reports.forecast.sections.shift import VERDICT_MEANINGS
from revin_forecast.shift.card.verdict import Answer
from tests.support.browser import until

HOSTILE = "<img src=x onerror=alert(1)></script>\"'&"
ROWS, HORIZON = 240, 7
OVERFLOW = "document.documentElement.scrollWidth - innerWidth"


def table(names=(HOSTILE, "north", "south"), rows=ROWS):
    random = np.random.default_rng(0)
    stamps = pd.date_range("2024-01-01", periods=rows, freq="D")
    season = 10 * np.sin(np.arange(rows) * 2 * np.pi / 7)
    levels = 50 * np.arange(1, len(names) + 1)
    values = levels + season[:, None] + random.normal(size=(rows, len(names)))
    frame = pd.DataFrame(values, columns=list(names))
    frame.insert(0, "date", stamps)
    return frame


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A file, its forecast, its page and what the command said, made once."""
    folder = tmp_path_factory.mktemp("report")
    frame = table()
    frame.loc[100:110, "north"] = np.nan
    frame.loc[220, "south"] = 900.0
    frame.to_csv(folder / "sold <b>.csv", index=False)
    words = ["forecast", str(folder / "sold <b>.csv"), "--horizon", str(HORIZON)]
    words += ["--level", "80", "--out", str(folder / "f.csv"), "--report", str(folder / "r.html")]
    assert main(words) == 0
    return folder


@pytest.fixture(scope="module")
def page(written):
    return (written / "r.html").read_text()


def text_of(page):
    """The words of a page, without scripts, styles and tags."""
    bare = re.sub(r"<(script|style)\b.*?</\1>", " ", page, flags=re.S)
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", bare)))


def data(page, key):
    return json.loads(re.search(rf'id="data-{key}">(.*?)</script>', page, re.S)[1])


def told(folder, frame, *words):
    """The page of a table."""
    frame.to_csv(folder / "a.csv", index=False)
    command = ["forecast", str(folder / "a.csv"), "--out", str(folder / "f.csv"), "--quiet"]
    assert main([*command, "--report", str(folder / "r.html"), *words]) == 0
    return (folder / "r.html").read_text()


def long(ends, rows=200):
    """A table whose series begin and end where they are told to."""
    values = table(tuple(ends), rows).set_index("date")
    parts = [
        pd.DataFrame(
            {"unique_id": name, "ds": values.index[one], "y": values[name].to_numpy()[one]}
        )
        for name, one in ends.items()
    ]
    return pd.concat(parts)


def test_the_page_says_what_was_forecast(page, written):
    words = text_of(page)
    assert f"{HORIZON} steps of 3 series after 2024-08-27" in words
    assert data(page, "csv") == (written / "f.csv").read_text()
    record = pd.read_csv(written / "f.csv")
    drawn = data(page, "fan")
    assert len(drawn) == 3
    for name, figure in zip(record.columns[1::3], drawn, strict=True):
        ahead = next(trace for trace in figure["data"] if trace.get("name") == "forecast")
        assert ahead["x"] == record["date"].tolist()
        values = np.frombuffer(base64.b64decode(ahead["y"]["bdata"]))
        np.testing.assert_allclose(values, record[name], rtol=1e-9)
    for heading in ("How good is it?", "Why this model?", "Does the level move?", "The data"):
        assert heading in words
    assert "instance normalization" in words
    assert "1 spike, the largest 900 on 2024-08-08" in words
    assert "11 of 240 values are not observed" in words
    assert "1 series holds something odd" in words


def test_scores_are_those_of_the_backtest_command(page, written, capsys):
    file = str(written / "sold <b>.csv")
    words = ["backtest", file, "--horizon", str(HORIZON), "--level", "80", "--json", "--quiet"]
    assert main(words) == 0
    overall = json.loads(capsys.readouterr().out)["overall"]
    shown = text_of(page)
    for key in ("mase", "repeat_mase", "seasonal_naive_mase"):
        assert f" {overall[key]:#.4g} " in shown, key
    assert f"80 % intervals held {overall['coverage-80']:.1f} %" in shown
    steps = data(page, "steps")[0]["data"]
    assert [trace["name"] for trace in steps] == ["this model", "last value", "last season"]


def test_nothing_from_the_table_is_markup(page):
    body = page[page.index("<body>") :]
    assert "<img" not in body
    assert "sold <b>" not in body
    assert body.count("</script>") == body.count("<script")
    assert html.escape(HOSTILE) in body
    assert "default-src 'none'" in page
    for one in re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', body, re.S):
        assert "<" not in one


def test_the_command_on_the_page_does_it_again(page, written):
    command = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.S)[1])
    words = shlex.split(command)
    assert words[0] == "revin-forecast"
    before = (written / "f.csv").read_bytes()
    words[words.index("--out") + 1] = str(written / "again.csv")
    at = words.index("--report")
    assert main(words[1:at] + words[at + 2 :]) == 0
    assert (written / "again.csv").read_bytes() == before


def test_a_command_line_holds_what_was_chosen():
    given = {
        "file": "my file.csv",
        "horizon": 3,
        "level": [80.0, 97.5],
        "quiet": True,
        "backbone": partial(DLinear, kernel=5),
        "training": TrainingSettings(max_epochs=2, learning_rate=0.01),
    }
    assert format_command_line(forecast_command, given, "file") == (
        "revin-forecast forecast 'my file.csv' --horizon 3 --level 80 97.5 --quiet "
        "--backbone DLinear --backbone.kernel 5 --training.max-epochs 2 "
        "--training.learning-rate 0.01"
    )
    usual = {"file": "a.csv", "horizon": 3, "backbone": partial(DLinear, kernel=25)}
    assert format_command_line(forecast_command, usual, "file").endswith("--backbone DLinear")
    plain = format_command_line(
        backtest_command, {"file": "a.csv", "horizon": 3, "step": 2}, "file"
    )
    assert plain == "revin-forecast backtest a.csv --horizon 3 --step 2"


def test_a_named_model_can_be_repeated_too(tmp_path, capsys):
    file, report = tmp_path / "a.csv", tmp_path / "r.html"
    table(("a", "b")).to_csv(file, index=False)
    words = ["forecast", str(file), "--horizon", "3", "--lookback", "14", "--inputs", "b"]
    words += ["--backbone", "MLP", "--backbone.width", "8", "--max-epochs", "1", "--loss"]
    words += ["quantile", "--report", str(report), "--quiet"]
    assert main(words) == 0
    first = capsys.readouterr().out
    text = report.read_text()
    command = html.unescape(re.search(r"<pre[^>]*>(.*?)</pre>", text, re.S)[1])
    assert main(shlex.split(command)[1:]) == 0
    assert capsys.readouterr().out == first
    shown = text_of(text)
    assert "The model was named: MLP with RevIN, look-back 14" in shown
    assert re.search(r"MLP\([^)]*width=8", shown)
    names = [trace.get("name") for trace in data(text, "fan")[0]["data"]]
    assert {"80 % interval", "95 % interval"} <= set(names)  # though none was asked for
    assert len(data(text, "fan")) == 1  # b is only used


def test_what_is_known_beforehand_is_no_series(tmp_path, monkeypatch):
    file, ahead, report = (tmp_path / name for name in ("a.csv", "ahead.csv", "r.html"))
    frame = table(("a", "closed"), rows=ROWS + 3)
    frame.loc[200, "closed"] = 5000.0
    frame[:ROWS].to_csv(file, index=False)
    frame[ROWS:][["date", "closed"]].to_csv(ahead, index=False)
    words = ["forecast", str(file), "--horizon", "3", "--lookback", "14", "--backbone", "TiDE"]
    words += ["--covariates", "closed", "weekday", "--future", str(ahead), "--max-epochs", "1"]
    words += ["--report", str(report), "--plot", str(tmp_path / "f.svg"), "--out"]
    # Drawing is tested elsewhere, and takes a browser.
    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", lambda *_, **__: b"<svg/>")
    assert main([*words, str(tmp_path / "f.csv")]) == 0
    text = report.read_text()
    assert len(data(text, "fan")) == 1
    shown = text_of(text)
    assert "240 rows x 1 series" in shown
    assert "80 % intervals held" in shown
    assert "Nothing odd was found" in shown
    assert "TiDE(covariates=2, " in shown
    assert "known beforehand closed, weekday" in shown


def test_a_table_too_short_for_all_that_says_so(tmp_path):
    file, report = tmp_path / "a.csv", tmp_path / "r.html"
    table(("a",), rows=6).to_csv(file, index=False)
    assert main(["forecast", str(file), "--horizon", "6", "--report", str(report), "--quiet"]) == 0
    shown = text_of(report.read_text())
    assert "Nobody knows how good this forecast is" in shown
    assert "hold no shift card of look-back" in shown
    assert "6 rows are too few" in shown
    assert "dotted line" not in shown  # there is none without a backtest


def test_a_constant_table_and_a_dozen_rows_are_told_soberly(tmp_path):
    flat, few = tmp_path / "flat.csv", tmp_path / "few.csv"
    table(("a",)).assign(a=3.0).to_csv(flat, index=False)
    table(("a",), rows=12).to_csv(few, index=False)
    shown = {}
    for file in (flat, few):
        report = tmp_path / f"{file.stem}.html"
        assert main(["forecast", str(file), "--horizon", "3", "--report", str(report)]) == 0
        shown[file.stem] = report.read_text()
    words = text_of(shown["flat"])
    assert "The rows do not vary, so that errors have no unit" in words
    assert "wider than they need be" not in words
    assert 'id="chart-steps"' not in shown["flat"]
    assert "Never changes: all 240 values are 3" in words
    words = text_of(shown["few"])
    assert "Over 1 forecast of the last rows its error was" in words
    assert "too few to tell anything" in words
    assert "last season" not in words  # of one step: it is the last value
    assert "--lookback" not in words
    assert "too few to tell" in words[words.index("what it says") :]
    assert "nothing odd" not in words


def test_series_that_the_backtest_leaves_out_are_told(tmp_path):
    frame = table(("a", "b", "c", "d", "new"), 200)
    frame.loc[:194, "new"] = np.nan
    page = told(tmp_path, frame, "--horizon", "7")
    shown = text_of(page)
    assert "Left out, for want of any value before the test part: new." in shown
    assert "The 4 series scored" in shown
    left = data(page, "left")
    assert "Left out of the backtest" in left[4]["layout"]["annotations"][0]["text"]
    assert "annotations" not in left[0]["layout"]


def test_errors_of_which_none_was_measured_are_not_called_good(tmp_path):
    frame = table(("a", "b"), 200)
    frame.loc[160:, "b"] = np.nan
    page = told(tmp_path, frame, "--horizon", "7")
    assert "b - - nothing was measured" in text_of(page)
    assert (
        "Nothing of this series was measured"
        in data(page, "left")[1]["layout"]["annotations"][0]["text"]
    )


def test_a_model_of_quantiles_shows_its_own_intervals(tmp_path):
    words = ["--horizon", "3", "--lookback", "14", "--backbone", "DLinear", "--max-epochs", "1"]
    words += ["--loss", "quantile", "--training.levels"]
    page = told(tmp_path, table(("a",)), *words, "[0.05,0.5,0.95]")
    assert "(wanted 90 %)" in text_of(page)
    assert "90 % interval" in [trace.get("name") for trace in data(page, "fan")[0]["data"]]
    shown = text_of(told(tmp_path, table(("a",)), *words, "[0.499,0.5,0.501]"))
    assert (
        "It has no intervals to show: it was trained on the quantiles 0.499, 0.5, 0.501." in shown
    )


def test_intervals_that_a_backtest_cannot_score_are_told(tmp_path):
    words = ["--horizon", "3", "--backbone", "Ridge", "--lookback", "14", "--level", "95", "50"]
    page = told(tmp_path, table(("a",), 82), *words)
    shown = text_of(page)
    assert "(wanted 50 %)" in shown
    assert "(wanted 80 %)" not in shown  # nobody asked for them
    assert "Intervals of 95 % could not be scored" in shown
    drawn = [trace.get("name") for trace in data(page, "fan")[0]["data"]]
    assert {"50 % interval", "95 % interval"} <= set(drawn)
    assert format_levels([50.0, 80.0, 99.5]) == "50, 80 and 99.5 %"


def test_intervals_whose_columns_the_table_has_are_not_shown(tmp_path, monkeypatch):
    frame = table(("sales",))
    frame["sales-lo-80"], frame["sales-hi-80"] = frame.sales - 1, frame.sales + 1
    page = told(tmp_path, frame, "--horizon", "3", "--backbone", "Ridge")
    drawn = [trace.get("name") for trace in data(page, "fan")[0]["data"]]
    assert "95 % interval" in drawn
    assert "80 % interval" not in drawn
    assert "Intervals of 80 % are not shown: the table has columns of their names" in text_of(page)
    pictures = []
    image = lambda figure, **_: pictures.append(figure) or b"<svg/>"  # noqa: E731
    monkeypatch.setattr("plotly.graph_objects.Figure.to_image", image)
    Forecaster(3, 14, Ridge).fit(frame).save(tmp_path / "model")
    assert main(["predict", str(tmp_path / "model"), "--plot", str(tmp_path / "f.svg")]) == 0
    names = {trace.name for trace in pictures[0].data}
    assert "95 % interval" in names
    assert "80 % interval" not in names


def test_what_was_predicted_is_not_predicted_again(tmp_path, monkeypatch):
    series = read_series(table(("a",)))
    forecaster = Forecaster(3, 14, Ridge).fit(series)
    asked = forecaster.predict(level=[50])
    engines, drawn, predict = [], [], forecaster.predict
    monkeypatch.setattr(
        forecaster, "predict", lambda **given: engines.append(given["engine"]) or predict(**given)
    )
    monkeypatch.setattr(reporting, "write_image", lambda fans, _: drawn.append(fans[0].bounds))
    given = {"level": [50.0], "future": None}
    engine = make_engine("inline", None)
    draw = partial(
        reporting.write_report_and_plot, None, str(tmp_path / "f.svg"), forecaster, series
    )
    draw(given, "", asked, engine)
    assert engines == []
    draw(given | {"level": None}, "", asked, engine)
    assert engines == [engine]
    assert [list(one) for one in drawn] == [[50.0], [80.0, 95.0]]


def test_the_shift_card_is_told_to_who_knows_nothing_of_it(page):
    assert set(VERDICT_MEANINGS) == set(get_args(Answer))
    shown = text_of(page)
    assert "judged by all rows after the first 168," in shown
    assert "the last 48 rows against the first 168" in shown
    assert "in standard deviations of the steps seen" in shown
    assert any(meaning in shown for meaning in VERDICT_MEANINGS.values())


def test_origins_that_lie_apart_are_told(tmp_path, monkeypatch):
    walk = table(("a",)).assign(a=np.cumsum(np.random.default_rng(0).normal(size=ROWS)))
    words = ["--horizon", "7", "--backbone", "Repeat", "--normalizer", "LastValue"]
    monkeypatch.setattr(reporting, "MAX_SCORED_VALUES", 0.2 * ROWS * 7 / 3)
    shown = text_of(told(tmp_path, walk, *words))
    assert re.search(r"14 forecasts of the last rows, the first after \S+, one every 3 rows", shown)
    assert "of one row in 3" in shown
    assert "follow each other" not in shown
    errors = shown[shown.index("what it says") : shown.index("The data 240")]
    assert re.search(r"what it says a \S+ - ", errors)  # no autocorrelation
    monkeypatch.undo()
    assert " rows, each from" not in text_of(told(tmp_path, walk, *words))


def test_a_wide_forecast_shows_the_numbers_of_some_series(tmp_path):
    names = tuple(f"s{place}" for place in range(30))
    page = told(tmp_path, table(names, 60), "--horizon", "3", "--backbone", "Repeat")
    numbers = re.search(r"The numbers</summary>(.*?)</details>", page, re.S)[1]
    heads = re.findall(r"<th(?: [^>]*)?>(.*?)</th>", numbers)
    assert heads[0] == "date"
    assert [head for head in heads if "-" not in head][1:] == list(names[:20])
    assert "The first 20 of 30 series." in numbers
    assert len(numbers) < 40_000


def test_series_with_ends_of_their_own_are_told_so(tmp_path):
    ends = {"late": slice(40, 200), "early": slice(0, 170), "whole": slice(0, 200)}
    frame = long(ends)
    shown = text_of(told(tmp_path, frame.drop(range(50, 55)), "--horizon", "7"))
    assert "after each one's own last row, the latest 2024-07-18" in shown
    gaps = "15 of 530 values not observed, from each series' first value to its end"
    assert gaps in shown  # five of each
    only = text_of(told(tmp_path, frame, "--horizon", "7", "--target", "early"))
    assert "7 steps of 1 series after 2024-06-18" in only


def test_stamps_of_the_numbers_have_one_form(tmp_path):
    for step, last in (("250ms", " 00:01:06.000000"), ("6h", " 00:00:00")):
        frame = table(("a",), 80)
        begin = "2024-01-01 00:00:46" if step == "250ms" else "2024-01-01"
        frame["date"] = pd.date_range(begin, periods=80, freq=step)
        page = told(tmp_path, frame, "--horizon", "4", "--backbone", "Repeat")
        numbers = re.search(r"The numbers</summary>(.*?)</details>", page, re.S)[1]
        stamps = re.findall(r"<td>(2024.*?)</td>", numbers)
        assert len(stamps) == 4
        assert len(set(map(len, stamps))) == 1
        assert any(stamp.endswith(last) for stamp in stamps)


@pytest.fixture
def account(tmp_path, monkeypatch):
    """What the page of series with ends of their own tells of."""
    kept = []
    monkeypatch.setattr(
        reporting, "write_forecast_report", lambda account, path: kept.append(account)
    )
    ends = {"late": slice(40, 200), "early": slice(0, 170), "whole": slice(0, 200)}
    frame, file = long(ends), tmp_path / "a.csv"
    frame.to_csv(file, index=False)
    words = ["forecast", str(file), "--horizon", "7", "--report", str(tmp_path / "r.html")]
    assert main([*words, "--quiet", "--backbone", "Ridge", "--out", str(tmp_path / "f.csv")]) == 0
    return kept[0]


def test_series_are_moved_once_for_the_page(account, monkeypatch):
    moved, aligned = [], Series.align_ends
    monkeypatch.setattr(Series, "align_ends", lambda self: moved.append(self) or aligned(self))
    assert "dotted line" in text_of(written_page.render_forecast_report(account))
    assert len(moved) == 1


def test_a_page_that_cannot_be_written_is_told(account, tmp_path):
    with pytest.raises(InputError, match=r"r\.html could not be written: No such file"):
        written_page.write_forecast_report(account, tmp_path / "none" / "r.html")
    place = tmp_path / "none" / "f.png"
    with (
        pytest.raises(InputError, match="make room or get permission, or name another place"),
        atomic_output(place) as partial,
    ):
        partial.write_bytes(b"")


def test_a_season_longer_than_the_rows_is_not_repeated(tmp_path):
    frame = table(("a",), 12)
    frame["date"] = pd.date_range("2024-01-01", periods=12, freq="MS")
    page = told(tmp_path, frame, "--horizon", "3", "--season", "12")
    shown = text_of(page)
    assert "the last value repeated" in shown
    assert "the last season repeated" not in shown
    assert "that of repeating the row before" in shown
    assert [trace["name"] for trace in data(page, "steps")[0]["data"]] == [
        "this model",
        "last value",
    ]
    axis = data(page, "left")[0]["layout"]["xaxis"]
    assert axis["ticktext"] == ["2024-10-01"]  # and no fractions of a second around it


def test_an_error_that_dwarfs_the_others_is_told(tmp_path):
    frame = table(("a",))
    frame.loc[215, "a"] = 5000.0
    shown = text_of(told(tmp_path, frame, "--horizon", "7"))
    assert re.search(r"The largest error, 49\d\d on 2024-08-03, is far beyond the others", shown)
    noise = np.random.default_rng(0).normal(size=300)
    assert largest_outlier(noise) is None
    assert largest_outlier(np.append(noise, -40.0)) == 300
    assert largest_outlier(np.append(np.zeros(30), 5.0)) is None  # a series of steps
    assert largest_outlier(np.array([0.1, 99.0])) is None


def test_series_are_drawn_over_their_own_ends():
    stamps = pd.date_range("2024-01-01", periods=80, freq="D")
    parts = [
        pd.DataFrame({"unique_id": name, "ds": stamps[:end], "y": np.arange(end) % 7 + 10.0 * end})
        for name, end in (("late", 80), ("early", 70))
    ]
    series = read_series(pd.concat(parts))
    forecast = Forecaster(3).fit(series).predict(level=[80])
    for history in (series, series.align_ends()):
        late, early = build_fan_charts(history, forecast, [80])
        assert early.name == "early"
        assert str(early.timestamps[-1]) == "2024-03-10 00:00:00"
        assert early.values[-1] == 69 % 7 + 700
        assert str(early.future_timestamps[0]) == "2024-03-11 00:00:00"
        assert str(late.future_timestamps[0]) == "2024-03-21 00:00:00"
        assert (early.bounds[80][0] <= early.forecast).all()


def test_many_series_make_a_small_page():
    names = [f"s{place}" for place in range(200)]
    series = read_series(table(names, rows=2000))
    forecast = Forecaster(HORIZON, 14, Ridge).fit(series).predict(level=[80, 95])
    drawn = build_fan_charts(series, forecast, [80, 95])
    assert len(drawn) == 50
    assert sum(len(str(fan_figure(fan).to_json())) for fan in drawn) < 4e6
    assert len(build_image(drawn).layout.annotations) == 12  # of one picture


def test_lone_values_between_gaps_are_points():
    frame = table(("a",))
    frame.loc[[230, 232], "a"] = np.nan
    series = read_series(frame)
    fan = build_fan_charts(series, Forecaster(3, 14, Ridge).fit(series).predict(), [])[0]
    measured = next(trace for trace in fan_figure(fan).data if trace.name == "measured")
    assert np.flatnonzero(measured.marker.size).tolist() == [231]


def test_errors_that_lean_or_follow_are_told():
    random = np.random.default_rng(0)
    noise = random.normal(size=(40, 5))
    assert not bias_sign(noise)
    assert (bias_sign(noise + 2), bias_sign(noise - 2)) == (1, -1)
    assert not bias_sign(np.full((3, 2), 1.0))  # three paths prove nothing
    walk = np.cumsum(random.normal(size=400))
    assert autocorrelation(walk) > 0.9
    assert abs(autocorrelation(random.normal(size=400))) < 0.15
    assert np.isnan(autocorrelation(np.ones(5)))
    series = random.normal(size=50)
    wanted = np.corrcoef(series[1:], series[:-1])[0, 1]
    assert autocorrelation(series) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--report", "r.pdf"], "a report is one page, written as .html but got r.pdf"),
        (["--plot", "f.gif"], "a picture is written as .png, .svg, .pdf, .jpg, .jpeg or .webp but"),
        (["--plot", "none/f.png"], "there is no folder none to write f.png in; make it"),
        (["--report", "."], ". is a folder; name a file to write"),
        (["--group", "g", "--report", "r.html"], "--report can't be combined with --group"),
    ],
)
def test_places_that_cannot_be_written_are_refused_first(
    words, message, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    table(("a",)).to_csv("a.csv", index=False)
    assert main(["forecast", "a.csv", "--horizon", "3", *words]) == 2
    assert message in capsys.readouterr().err


def test_a_picture_is_drawn(tmp_path, capsys, browser):
    file = tmp_path / "a.csv"
    table(("a", "b")).to_csv(file, index=False)
    for name, begins in (("f.png", b"\x89PNG"), ("f.svg", b"<svg")):
        words = ["forecast", str(file), "--horizon", "3", "--plot", str(tmp_path / name)]
        assert main([*words, "--backbone", "Ridge", "--quiet"]) == 0
        assert (tmp_path / name).read_bytes().startswith(begins)
    capsys.readouterr()


@pytest.mark.usefixtures("browser")
def test_a_saved_model_draws_newer_rows(tmp_path, capsys):
    frame = table(("a", "b"))
    Forecaster(3, 14, Ridge).fit(frame[:200]).save(tmp_path / "model")
    frame.assign(c=1.0).to_csv(tmp_path / "newer.csv", index=False)
    words = ["predict", str(tmp_path / "model"), str(tmp_path / "newer.csv")]
    words += ["--plot", str(tmp_path / "f.svg"), "--out", str(tmp_path / "f.csv")]
    assert main(words) == 0
    assert "f.svg: a picture" in capsys.readouterr().out
    drawn = (tmp_path / "f.svg").read_text()
    assert drawn.count("80 % interval") == 1  # of the legend, though no interval was asked for
    assert ">b<" in drawn
    assert ">c<" not in drawn  # which the model does not know
    assert main([*words[:3], "--plot", "f.gif"]) == 2
    assert "a picture is written as .png" in capsys.readouterr().err


def test_a_picture_without_kaleido_is_told(tmp_path, monkeypatch, capsys):
    from plotly.graph_objects import Figure

    def absent(*_, **__):
        raise ValueError("Image export using the kaleido engine requires the Kaleido package.")

    monkeypatch.setattr(Figure, "to_image", absent)
    file = tmp_path / "a.csv"
    table(("a",)).to_csv(file, index=False)
    words = ["forecast", str(file), "--horizon", "3", "--plot", str(tmp_path / "f.png")]
    assert main([*words, "--backbone", "Ridge"]) == 2
    said = capsys.readouterr().err
    assert "f.png can't be drawn: Image export using the kaleido engine requires" in said
    assert '".[plot]"' in said
    assert not (tmp_path / "f.png").exists()


def test_json_is_strict(written, capsys):
    words = ["forecast", str(written / "sold <b>.csv"), "--horizon", "3", "--json", "--target"]
    assert main([*words, "north"]) == 0
    said = capsys.readouterr()
    record = json.loads(said.out, parse_constant=lambda name: pytest.fail(name))
    assert said.err == ""
    assert [row["date"][:10] for row in record["forecast"]] == [
        "2024-08-28",
        "2024-08-29",
        "2024-08-30",
    ]
    assert record["fitted"]["selection"]["windows"] > 8


@pytest.fixture
def opened(browser, written):
    """Open the page; what it should not do is noted and looked at in the end."""
    unwanted, contexts = [], []

    def noted(sent):
        if not sent.url.startswith(("file:", "blob:")):
            unwanted.append(sent.url)

    def open_at(width, scheme="light"):
        size = {"width": width, "height": 800}
        contexts.append(browser.new_context(color_scheme=scheme, viewport=size))
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: unwanted.append(message.text))
        tab.on("pageerror", lambda error: unwanted.append(str(error)))
        tab.on("dialog", lambda dialog: (unwanted.append(dialog.message), dialog.dismiss()))
        tab.on(
            "request",
            lambda sent: sent.url.startswith(("file:", "blob:")) or unwanted.append(sent.url),
        )
        tab.goto((written / "r.html").as_uri())
        tab.wait_for_selector("body[data-drawn=all]", timeout=120_000)
        return tab

    yield open_at
    for context in contexts:
        context.close()
    assert unwanted == []


RANGE = "document.querySelector('#chart-fan')._fullLayout.xaxis.range.join()"


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_browser_draws_it_in_the_readers_colours(opened, width, scheme):
    tab = opened(width, scheme)
    assert tab.evaluate(OVERFLOW) <= 0
    drawn = tab.evaluate("[...document.querySelectorAll('.chart .main-svg')].length")
    assert drawn >= 3
    paper = tab.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    line = "document.querySelector('#chart-fan').data.find(t => t.name === 'measured').line.color"
    ink = "getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
    assert tab.evaluate(line) == tab.evaluate(ink)
    tab.emulate_media(color_scheme="light" if scheme == "dark" else "dark")
    until(tab, f"{line} === {ink}")
    assert tab.evaluate(f"{line}") == tab.evaluate(ink)
    tab.set_viewport_size({"width": 700, "height": 800})
    until(tab, "Math.abs(document.querySelector('#chart-fan').dataset.width - 660) < 30")
    assert tab.evaluate(OVERFLOW) <= 0


def test_the_chart_answers_picker_zoom_and_pointer(opened):
    tab = opened(1000)
    options = tab.locator("#series option").all_text_contents()
    assert options == [HOSTILE, "north", "south"]
    values = "document.querySelector('#chart-fan')._fullData.find(t => t.name === 'forecast').y[0]"
    first = tab.evaluate(values)
    left = "document.querySelector('#chart-left')._fullData[0].y[0]"
    before = tab.evaluate(left)
    tab.locator("#series").select_option("north")
    until(tab, f"{values} !== {first}")
    assert tab.evaluate(values) > first + 20  # north lies fifty above
    until(tab, f"{left} !== {before}")
    whole = tab.evaluate(RANGE)
    box = tab.locator("#chart-fan .nsewdrag").first.bounding_box()
    middle = box["y"] + box["height"] / 2
    tab.mouse.move(box["x"] + box["width"] * 0.4, middle)
    until(tab, "document.querySelectorAll('#chart-fan .hoverlayer text').length > 0")
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.7, middle, steps=5)
    tab.mouse.up()
    until(tab, f"{RANGE} !== '{whole}'")
    narrowed = tab.evaluate(RANGE)
    tab.mouse.dblclick(box["x"] + box["width"] * 0.5, middle)
    until(tab, f"{RANGE} !== '{narrowed}'")


def test_the_forecast_can_be_downloaded(opened, written):
    tab = opened(1000)
    with tab.expect_download() as waiting:
        tab.locator("#download").click()
    assert waiting.value.suggested_filename == "forecast.csv"
    assert Path(waiting.value.path()).read_bytes() == (written / "f.csv").read_bytes()
    tab.locator("summary", has_text="The numbers").click()
    assert tab.get_by_role("columnheader", name=HOSTILE, exact=True).inner_text() == HOSTILE


def test_the_head_names_series_that_nothing_was_checked_of(tmp_path):
    frame = table(("a", "b"))
    frame.loc[len(frame) * 3 // 4 :, "a"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = ["forecast", str(tmp_path / "t.csv"), "--horizon", "3", "--backbone", "Ridge"]
    assert main([*words, "--quiet", "--report", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    head = page[page.index('<ul class="verdict">') :].partition("</ul>")[0]
    assert "Of 1 of 2 series nothing could be checked, for want of values" in head
    assert "rows: a." in head


def test_errors_on_one_side_are_told_even_where_they_may_be_chance(tmp_path):
    frame = pd.DataFrame({"day": pd.date_range("2024-01-01", periods=300), "a": np.arange(300.0)})
    frame["a"] += np.random.default_rng(0).normal(size=300)
    frame.to_csv(tmp_path / "t.csv", index=False)
    words = ["forecast", str(tmp_path / "t.csv"), "--horizon", "20", "--backbone", "Repeat"]
    assert main([*words, "--quiet", "--report", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "Forecasts were mostly too low, by 1" in page
    assert "on average; 3 forecasts that do not overlap are too few to call it more" in page
