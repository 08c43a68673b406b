"""Make the gallery: forecast public tables and write their pages, thumbnails and the index."""

import argparse
import contextlib
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.gallery.index_page import render_index
from benchmarks.gallery.sources import ROOT, hash_file, locate_file
from benchmarks.gallery.tables import TABLES, GalleryTable
from benchmarks.gallery.thumbnail import draw_thumbnail
from revin_forecast.cli.main import main as run_command
from revin_forecast.evaluation import BacktestResult
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.forecast.verdict import judge_forecast
from revin_forecast.reports.plotly_script import read_script
from revin_forecast.utils.environment import environment_info
from revin_forecast.utils.files import atomic_write

GALLERY = ROOT / "docs" / "gallery"
LEVEL = 80
"""Interval level of the index, in percent."""
SCRIPT = "plotly.js"
"""The file that draws the charts of all pages."""
QUICK_OPTIONS = ("--target", "unemp", "--backbone", "Ridge", "--lookback", "8")


def main(words: Sequence[str] | None = None) -> None:
    """Make all pages, or those of some tables, and the index."""
    names = [table.name for table in TABLES]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"tables: {', '.join(names)}; all by default")
    parser.add_argument("--out", type=Path, default=GALLERY, help="folder of the gallery")
    parser.add_argument("--tables", type=Path, help="folder in which to keep the tables as CSV")
    parser.add_argument("--index", action="store_true", help="only rewrite the index")
    parser.add_argument("--quick", action="store_true", help="one series of us_macro, by Ridge")
    options = parser.parse_args(words)
    unknown = set(options.names) - set(names)
    if unknown:
        parser.error(f"no table is named {', '.join(sorted(unknown))}")
    wanted = ["us_macro"] if options.quick else options.names or names
    options.out.mkdir(parents=True, exist_ok=True)
    record = read_record(options.out)
    for table in () if options.index else TABLES:
        if table.name in wanted:
            row = make_page(table, options.out, options.tables, options.quick)
            record["tables"][table.name] = row
            print(table.name, json.dumps(row))
    if not options.index:
        record["made"] = environment_info() | {"quick": options.quick}
    write_text(options.out / SCRIPT, read_script())
    write_text(options.out / "gallery.json", json.dumps(record, indent=1) + "\n")
    write_text(options.out / "index.md", render_index(record))


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record of a gallery; an empty one if there is none."""
    path = folder / "gallery.json"
    return json.loads(path.read_text()) if path.is_file() else {"made": {}, "tables": {}}


def make_page(
    table: GalleryTable, folder: Path, keep: Path | None = None, quick: bool = False
) -> dict[str, Any]:
    """Forecast a table, write its page and its thumbnail, and return the row of the record."""
    source = locate_file(table.file)
    frame = table.read(source)
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(TemporaryDirectory()))
        path = scratch / f"{table.name}.csv"
        frame.to_csv(path, index=False)
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            frame.to_csv(keep / path.name, index=False)
        stack.enter_context(contextlib.chdir(scratch))
        content = _forecast([*table.words, *(QUICK_OPTIONS if quick else ()), "--quiet"])
        page = (scratch / f"{table.name}.html").read_text(encoding="utf-8")
    write_text(folder / f"{table.name}.html", page)
    write_text(folder / f"{table.name}.svg", draw_thumbnail(content, table.title, LEVEL))
    head = frame.head(3).to_csv(index=False).splitlines()
    return {"sha256": hash_file(source), "head": head, **describe_content(content)}


def _forecast(words: Sequence[str]) -> ReportContent:
    """Run the command and return the content of its page."""
    from revin_forecast.cli import report

    contents: list[ReportContent] = []
    write = report.write_forecast_report

    def record(content: ReportContent, path: Path) -> None:
        contents.append(content)
        write(content, path, SCRIPT)

    with patch.object(report, "write_forecast_report", record):
        code = run_command(words)
    assert code == 0, code
    return contents[0]


def describe_content(content: ReportContent) -> dict[str, Any]:
    """Return the numbers and the judgement of a page that the index shows."""
    result, trust, series = content.backtest, content.trust, content.series
    assert isinstance(result, BacktestResult), result
    assert trust is not None  # there is a backtest
    judgement = judge_forecast(content)
    flaws = [warning.partition(";")[0] for warning in judgement.warnings]
    return {
        "rows": int(np.isfinite(series.values).any(axis=1).sum()),
        "series": len(series.targets),
        "forecasts": trust.forecasts,
        "independent": trust.independent,
        "mase": _round(result.overall_scores["mase"]),
        "naive": trust.naive,
        "naive_mase": _round(result.overall_scores["mase"] / trust.error_ratio),
        "coverage": _round(result.overall_scores[f"coverage-{LEVEL}"]),
        "judgement": judgement.name,
        "reasons": "; ".join([*flaws, judgement.sentence]),
    }


def _round(value: float) -> float:
    return float(f"{value:.4g}")


def write_text(path: Path, text: str) -> None:
    """Write a file atomically."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
