"""The page on the theory of the level shows the committed figures."""

import pytest

from tests.docs.test_site import DOCS, parse_numbers, parse_table
from tests.support.evidence_pages import committed_rows

PAGE = "theory/level.md"


def test_break_evens_are_the_committed_ones():
    rows = {
        (row["levels"], row["scored"]): row["c"]
        for row in committed_rows("level_risk")
        if row["+- c"] is not None
    }
    shown = parse_table(PAGE, "level_risk")
    assert [int(line[0]) for line in shown] == sorted({levels for levels, _ in rows})
    for levels, *cells in shown:
        expected = [rows[int(levels), part] for part in ("next level", "test part")]
        assert parse_numbers(cells) == pytest.approx(expected, abs=0.051)


def test_losses_against_revin_are_within_the_shown_bounds():
    losses = {"next level": 0.0, "test part": 0.0}
    for row in committed_rows("level_risk"):
        loss = row["shrunk"] - row["taken"]
        losses[row["scored"]] = max(losses[row["scored"]], loss)
        assert row["c"] < 5 or loss < 0, row
        assert row["c"] < 20 or row["pretest"] < row["shrunk"], row
    assert (round(losses["next level"], 2), round(losses["test part"], 2)) == (0.03, 0.15)
    text = (DOCS / PAGE).read_text()
    assert "at most .03 units for the next level and .15 for a test part" in text


def test_real_series_show_the_committed_figures():
    summary = {row["data"]: row for row in committed_rows("accuracy_level")}
    for name, *cells in parse_table(PAGE, "accuracy_level"):
        expected = [
            summary[name][kind] for kind in ("kept", "pretest", "chosen", "Blend", "shrunk")
        ]
        assert parse_numbers(cells) == pytest.approx(expected, abs=6e-4), name


def test_the_guides_to_the_level_agree_with_the_test_part_as_often_as_shown():
    *cells, _, _, _, behind = committed_rows("accuracy_level")
    counted = [row for row in cells if row["counted"]]
    agree = [
        sum((row[f"kept on {guide}"] < 1) == (row["kept"] < 1) for row in counted)
        for guide in ("blocks", "chains")
    ]
    text = " ".join((DOCS / PAGE).read_text().split())
    first, second = agree
    assert f"in {first} of {len(counted)} cells, and on forward chains in {second}" in text
    summary = {row["data"]: row for row in committed_rows("accuracy_level")}
    alone = summary["worst"]["shrunk, training"]
    assert f"the worst {alone:.3f} (ETTh2, 336 steps)" in text
    assert alone == max(row["shrunk, training"] for row in counted if row["data"] == "etth2")
    for k, worst in ((6, "1.000"), (4, "1.024")):
        assert f"{summary['worst'][f'k = {k}']:.3f}" == worst
        assert f"{summary['mean'][f'k = {k}']:.3f}".lstrip("0") in text
    assert behind["shrunk"] == 0
    others = [row["ShrunkLevel ratio"] for row in committed_rows("accuracy_kept_level")]
    assert f"{max(others):.2f}" == "1.01"
    assert "costs up to one percent on ETTh2" in text


def test_exchange_shows_the_committed_figures():
    rows = [row for row in committed_rows("accuracy_level") if row["data"] == "exchange"]
    shown = parse_table(PAGE, "exchange")
    assert [int(line[0]) for line in shown] == [row["horizon"] for row in rows]
    for row, line in zip(rows, shown, strict=True):
        columns = ("kept", "kept on blocks", "kept on chains", "shrunk")
        expected = [row[column] for column in columns]
        assert parse_numbers(line[1:]) == pytest.approx(expected, abs=6e-4)
        assert (row["rejects"], row["channels"]) == (1, 8)
        assert row["blocks won"] == 2
        assert row["share"] * 8 == pytest.approx(0.17, abs=0.005)
    assert sum(row["chains won"] for row in rows) == 1
    kept = sum(row["MSE taken"] * row["kept"] for row in rows) / 4
    published = {
        (row["maps"], row["taught by"]): row
        for row in committed_rows("accuracy_closed_form")
        if row["data"] == "exchange"
    }["default", "training + validation"]
    text = " ".join((DOCS / PAGE).read_text().split())
    means = [f"{mean:.3f}".lstrip("0") for mean in (kept, published["published"])]
    assert "reach {}; the best published mean is {}".format(*means) in text
    assert f"has {published['mean MSE']:.3f}".replace("0.", ".") in text
