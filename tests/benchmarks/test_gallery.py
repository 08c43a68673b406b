import json
import re

import pytest

from benchmarks.gallery import make
from benchmarks.gallery.index_page import render_index
from benchmarks.gallery.sources import locate_file
from benchmarks.gallery.tables import TABLES
from revin_forecast.evaluation.describe_trust import STATE_NAMES

GALLERY = make.GALLERY
RECORD = json.loads((GALLERY / "gallery.json").read_text())
INDEX = (GALLERY / "index.md").read_text()
MAX_BYTES = 3_000_000
MAX_THUMBNAIL_BYTES = 20_000


def test_the_index_shows_the_record():
    assert render_index(RECORD) == INDEX, "run python -m benchmarks.gallery.make --index"
    assert RECORD["made"]["quick"] is False
    assert list(RECORD["tables"]) == [table.name for table in TABLES]
    assert len(TABLES) == 12


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_table_has_a_page_a_picture_a_licence_and_a_lesson(table):
    page = (GALLERY / f"{table.name}.html").read_text()
    assert f"Forecast of {table.name}.csv" in page
    assert f'<script src="{make.SCRIPT}">' in page
    picture = (GALLERY / f"{table.name}.svg").read_text()
    assert picture.startswith("<svg ")
    assert len(picture) < MAX_THUMBNAIL_BYTES
    entry = INDEX.partition(f"\n## {table.title}\n")[2].partition("\n## ")[0]
    assert re.search(r"^\* Licence: (Public domain|CC0|CC BY 4.0)\b", entry, re.M)
    assert re.search(r"^\*\*[A-Z].{40,}\.\*\*$", entry, re.M)
    assert table.file in entry
    assert f"]({table.name}.html)" in entry


def test_the_gallery_is_small():
    assert (GALLERY / make.SCRIPT).is_file()
    assert sum(path.stat().st_size for path in GALLERY.iterdir()) < MAX_BYTES


def test_one_table_is_made_again(tmp_path, capsys):
    make.main(["--quick", "--out", str(tmp_path), "--tables", str(tmp_path / "tables")])
    record = json.loads((tmp_path / "gallery.json").read_text())
    row, committed = record["tables"]["us_macro"], RECORD["tables"]["us_macro"]
    assert record["made"]["quick"] is True
    for key in ("sha256", "head", "rows", "forecasts"):
        assert row[key] == committed[key], key
    assert row["series"] == 1
    assert 0 < row["mase"] < 3
    assert 40 < row["coverage"] <= 100
    assert row["judgement"] in STATE_NAMES.values()
    assert row["reasons"].endswith("independent")
    assert "## Economy of the US" in (tmp_path / "index.md").read_text()
    assert "Forecast of us_macro.csv" in (tmp_path / "us_macro.html").read_text()
    assert (tmp_path / "us_macro.svg").read_text().startswith("<svg ")
    assert (tmp_path / "tables" / "us_macro.csv").is_file()
    assert "us_macro" in capsys.readouterr().out


def test_a_missing_package_is_named():
    with pytest.raises(SystemExit, match=r"needs the Python package vega_absent\. Install it with"):
        locate_file("vega_absent/_data/a.csv")
