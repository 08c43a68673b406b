"""The model card in a saved forecaster's folder: the model, its data and how to use it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from revin_forecast.models.spec import ModuleSpec

CARD_FILE = "model_card.md"
CARD_MARKER = "<!-- Written by revin_forecast"
"""First characters of the card; another file of this name is not overwritten."""
MAX_NAMES = 20
"""Most names that a list shows."""
MAX_NAME_LENGTH, MAX_CALL_LENGTH = 120, 250
"""Most characters of one name, and of a component with its parameters."""

_ESCAPES = {letter: f"\\{letter}" for letter in "\\`*_[]~|$#"} | {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}
_USAGE_TEXT = """```bash
revin-forecast predict MODEL newer.csv --out forecast.csv
revin-forecast export MODEL --to onnx
```

MODEL is this folder, and `newer.csv` a table with the same columns and the same step. In Python:

```python
from revin_forecast import Forecaster

forecast = Forecaster.load("MODEL").predict("newer.csv")
```
"""


def format_model_card(manifest: Mapping[str, Any]) -> str:
    """Return the model card as Markdown; text from the user's files is escaped.

    Args:
        manifest: the content of `forecaster.json`.
    """
    summary = manifest["summary"]
    parts = [
        f"{CARD_MARKER}; saving again replaces it. -->",
        f"# A forecaster of {_describe_series_count(manifest)}",
        _format_table(("", ""), _iter_facts(manifest)),
    ]
    if summary.get("selection"):
        parts += ["## Why this model", *_iter_selection_blocks(summary["selection"])]
    parts += ["## Use", _USAGE_TEXT]
    return "\n\n".join(parts)


def escape_markdown(text: object, max_length: int = MAX_NAME_LENGTH) -> str:
    r"""Return text on one line that Markdown shows literally, shortened to a maximum length.

    >>> print(escape_markdown("a|b\n<i>"))
    a\|b &lt;i&gt;
    """
    line = " ".join(str(text).split())
    replacement = "\N{REPLACEMENT CHARACTER}"
    shown = "".join(letter if letter.isprintable() else replacement for letter in line)
    if len(shown) > max_length:
        shown = f"{shown[: max_length - 1]}\N{HORIZONTAL ELLIPSIS}"
    return "".join(_ESCAPES.get(letter, letter) for letter in shown)


def _iter_facts(manifest: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield label and value of each row of the card's first table."""
    version = escape_markdown(manifest["version"])
    yield "made", f"{escape_markdown(manifest['saved'])} by revin_forecast {version}"
    yield from _iter_source_facts(manifest, manifest["summary"])
    inputs = set(manifest["inputs"])
    yield "series", _format_names([name for name in manifest["names"] if name not in inputs])
    if inputs:
        yield "used but not forecast", _format_names(manifest["inputs"])
    yield "forecasts", f"{manifest['horizon']:,} steps from the last {manifest['lookback']:,}"
    yield "model", _format_call(manifest["backbone"])
    yield "normalizer", _format_call(manifest["normalizer"])
    if manifest["covariates"]:
        yield "known beforehand", _format_names(manifest["covariates"])
    yield "intervals", _describe_intervals(manifest)


def _iter_source_facts(
    manifest: Mapping[str, Any], summary: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    source = summary.get("source")
    if source:
        facts = source if isinstance(source, Mapping) else {"file": source}
        yield from (
            (name, escape_markdown(value)) for name, value in facts.items() if value is not None
        )
    zone = f", {manifest['time_zone']}" if manifest["time_zone"] else ""
    if "rows" in summary:
        span = f"{summary['first']} to {summary['last']}{zone}"
        yield "rows", f"{summary['rows']:,}, {escape_markdown(span)}"
    yield "step", escape_markdown(manifest["frequency"] or "unknown")
    if "unobserved" in summary:
        cells = max(1, summary["rows"] * len(manifest["names"]))
        yield "not observed", f"{summary['unobserved'] / cells:.2%} of the values"


def _describe_intervals(manifest: Mapping[str, Any]) -> str:
    if manifest["training"].get("loss") == "quantile":
        return "the model's own quantiles"
    if not manifest["calibrated"]:
        return "none"
    windows = manifest["summary"].get("calibration_windows")
    return "conformal" if windows is None else f"conformal, calibrated on {windows:,} windows"


def _describe_series_count(manifest: Mapping[str, Any]) -> str:
    count = len(manifest["names"]) - len(manifest["inputs"])
    return "1 series" if count == 1 else f"{count:,} series"


def _format_call(component: Mapping[str, Any]) -> str:
    return escape_markdown(ModuleSpec.from_dict(**component).call_expression, MAX_CALL_LENGTH)


def _format_names(names: Sequence[str]) -> str:
    shown = ", ".join(escape_markdown(name) for name in names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES:,} more"


def _iter_selection_blocks(selection: Mapping[str, Any]) -> Iterable[str]:
    """Yield the evidence of the selection as blocks of Markdown."""
    season = f", season {selection['season']}" if selection["season"] > 1 else ""
    yield (
        f"Compared on {selection['windows']:,} validation windows{season}. The combination, "
        f"weighted by the shares below, has a MASE of {_format_cell(selection['mase'])} there."
    )
    rows = selection["candidates"]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    yield _format_table(
        columns, [[_format_cell(row.get(name)) for name in columns] for row in rows]
    )
    if selection["skipped"]:
        yield f"Not tried within the time budget: {_format_names(selection['skipped'])}."


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escape_markdown(value)


def _format_table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [[escape_markdown(heading) for heading in headings], ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
