"""The sentences at the top of the page."""

import json

import numpy as np

from revin_forecast.cli.main import main
from tests.support.forecast_pages import extract_text, make_table


def test_constant_and_short_tables_get_no_conclusion(tmp_path):
    flat, few = tmp_path / "flat.csv", tmp_path / "few.csv"
    make_table(("a",)).assign(a=3.0).to_csv(flat, index=False)
    make_table(("a",), rows=12).to_csv(few, index=False)
    pages = {}
    for file in (flat, few):
        report = tmp_path / f"{file.stem}.html"
        assert main(["forecast", str(file), "--horizon", "3", "--report", str(report)]) == 0
        pages[file.stem] = report.read_text()
    text = extract_text(pages["flat"])
    assert "Too little data to judge: " in text
    assert "the rows do not vary, so errors have no scale" in text
    assert "too wide" not in text
    assert 'id="chart-steps"' not in pages["flat"]
    assert "Never changes: all 240 values are 3" in text
    text = extract_text(pages["few"])
    assert "Too little data to judge: 1 forecast; the error is" in text
    assert "last season" not in text  # a season of one step is the last value
    assert "--lookback" not in text
    assert "Too few errors to judge" in text[text.index("autocorrelation finding") :]
    assert "Nothing unusual" not in text


def test_unchecked_series_are_named(tmp_path):
    frame = make_table(("a", "b"))
    frame.loc[len(frame) * 3 // 4 :, "a"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    arguments = ["forecast", str(tmp_path / "t.csv"), "--horizon", "3", "--backbone", "Ridge"]
    assert main([*arguments, "--quiet", "--report", str(tmp_path / "r.html")]) == 0
    page = (tmp_path / "r.html").read_text()
    top = page[page.index('<p class="trust mixed">') :].partition("</p>")[0]
    assert "1 of 2 series could not be checked, because values are missing" in top
    assert "rows: a;" in top


def test_page_text_and_json_agree_on_the_worst_series(tmp_path, capsys):
    frame = make_table(("calm", "still", "walk"))
    jumps = np.random.default_rng(1).normal(size=len(frame))
    frame["walk"] = np.cumsum(jumps * np.where(np.arange(len(frame)) > 180, 30, 1))
    frame.to_csv(tmp_path / "t.csv", index=False)
    report = tmp_path / "r.html"
    arguments = ["forecast", str(tmp_path / "t.csv"), "--horizon", "3", "--backbone", "Ridge"]
    arguments += ["--report", str(report)]
    assert main([*arguments, "--json"]) == 0
    trust = json.loads(capsys.readouterr().out)["trust"]
    assert trust["state"] == "bad"
    bad = [entry["series"] for entry in trust["series"] if entry["state"] == "bad"]
    assert bad
    assert all(name in trust["text"] for name in bad)
    sentence = trust["text"].partition(": ")[2]
    assert f"Bad: {sentence}." in extract_text(report.read_text())
    assert main([*arguments, "--out", str(tmp_path / "f.csv")]) == 0
    assert f"trust: {trust['text']}" in capsys.readouterr().out
