"""The page in a saved forecaster's folder that says what it is and was made from."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from revin_forecast.components import Component

CARD = "model_card.md"
MARK = "<!-- Written by revin_forecast"
"""How the page begins; another page of its name is left alone."""
NAMES_SHOWN = 20
LONGEST, LONGEST_CALL = 120, 250
"""Characters of one name, and of a model with its parameters."""

_SPECIAL = {letter: f"\\{letter}" for letter in "\\`*_[]~|$#"} | {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
}
_USE = """```bash
revin-forecast predict MODEL newer.csv --out forecast.csv
revin-forecast export MODEL --to onnx
```

MODEL is this folder, and `newer.csv` a table of the same columns and the same step. In Python:

```python
from revin_forecast import Forecaster

forecast = Forecaster.load("MODEL").predict("newer.csv")
```
"""


def model_card(manifest: Mapping[str, Any]) -> str:
    """Return the page as Markdown; nothing that comes from a file can be markup.

    Args:
        manifest: what `forecaster.json` holds, or will.
    """
    summary = manifest["summary"]
    parts = [
        f"{MARK}; saving again replaces it. -->",
        f"# A forecaster of {_counted(manifest)}",
        _table(("", ""), _facts(manifest)),
    ]
    if summary.get("selection"):
        parts += ["## Why this model", *_evidence(summary["selection"])]
    parts += ["## Use", _USE]
    return "\n\n".join(parts)


def escaped(text: object, longest: int = LONGEST) -> str:
    r"""Return text that Markdown shows as it is, on one line; too long a one is cut.

    >>> print(escaped("a|b\n<i>"))
    a\|b &lt;i&gt;
    """
    line = " ".join(str(text).split())
    unknown = "\N{REPLACEMENT CHARACTER}"
    shown = "".join(letter if letter.isprintable() else unknown for letter in line)
    if len(shown) > longest:
        shown = f"{shown[: longest - 1]}\N{HORIZONTAL ELLIPSIS}"
    return "".join(_SPECIAL.get(letter, letter) for letter in shown)


def _facts(manifest: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "made", f"{escaped(manifest['saved'])} by revin_forecast {escaped(manifest['version'])}"
    yield from _origin(manifest, manifest["summary"])
    inputs = set(manifest["inputs"])
    yield "series", _listed([name for name in manifest["names"] if name not in inputs])
    if inputs:
        yield "used but not forecast", _listed(manifest["inputs"])
    yield "forecasts", f"{manifest['horizon']:,} steps from the last {manifest['lookback']:,}"
    yield "model", _called(manifest["backbone"])
    yield "normalizer", _called(manifest["normalizer"])
    if manifest["covariates"]:
        yield "known beforehand", _listed(manifest["covariates"])
    yield "intervals", _intervals(manifest)


def _origin(manifest: Mapping[str, Any], summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    source = summary.get("source")
    if source:
        named = source if isinstance(source, Mapping) else {"file": source}
        yield from ((name, escaped(value)) for name, value in named.items() if value is not None)
    zone = f", {manifest['time_zone']}" if manifest["time_zone"] else ""
    if "rows" in summary:
        span = f"{summary['first']} to {summary['last']}{zone}"
        yield "rows", f"{summary['rows']:,}, {escaped(span)}"
    yield "step", escaped(manifest["frequency"] or "unknown")
    if "unobserved" in summary:
        cells = max(1, summary["rows"] * len(manifest["names"]))
        yield "not observed", f"{summary['unobserved'] / cells:.2%} of the values"


def _intervals(manifest: Mapping[str, Any]) -> str:
    if manifest["training"].get("loss") == "quantile":
        return "the model's own quantiles"
    if not manifest["calibrated"]:
        return "none"
    windows = manifest["summary"].get("calibration_windows")
    return "conformal" if windows is None else f"conformal, calibrated on {windows:,} windows"


def _counted(manifest: Mapping[str, Any]) -> str:
    count = len(manifest["names"]) - len(manifest["inputs"])
    return "1 series" if count == 1 else f"{count:,} series"


def _called(component: Mapping[str, Any]) -> str:
    return escaped(Component.revived(**component).written, LONGEST_CALL)


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(escaped(name) for name in names[:NAMES_SHOWN])
    return shown if len(names) <= NAMES_SHOWN else f"{shown} and {len(names) - NAMES_SHOWN:,} more"


def _evidence(selection: Mapping[str, Any]) -> Iterable[str]:
    season = f", season {selection['season']}" if selection["season"] > 1 else ""
    yield (
        f"Compared on {selection['windows']:,} validation windows{season}. The combination by the "
        f"shares below has MASE {_cell(selection['mase'])} there."
    )
    rows = selection["candidates"]
    columns = list(dict.fromkeys(name for row in rows for name in row))
    yield _table(columns, [[_cell(row.get(name)) for name in columns] for row in rows])
    if selection["skipped"]:
        yield f"Not tried for want of time: {_listed(selection['skipped'])}."


def _cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escaped(value)


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [[escaped(heading) for heading in headings], ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
