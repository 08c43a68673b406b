"""The model card in a saved forecaster's folder: the model, its data and how to use it."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from revin_forecast.forecasting.calibration import describe_calibration
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.utils.templates import build_environment

CARD_FILE = "model_card.md"
CARD_MARKER = "<!-- Written by revin_forecast"
"""First characters of the template; another file of this name is not overwritten."""
MAX_NAMES = 20
"""Most names that a list shows."""
MAX_NAME_LENGTH, MAX_CALL_LENGTH = 120, 250
"""Most characters of one name, and of a component with its parameters."""


def format_model_card(manifest: Mapping[str, Any]) -> str:
    """Return the model card as Markdown; text from the user's files is escaped.

    Args:
        manifest: the content of `forecaster.json`.
    """
    selection = manifest["summary"].get("selection")
    candidates = selection["candidates"] if selection else []
    columns = list(dict.fromkeys(name for row in candidates for name in row))
    return _load_template().render(
        title=_describe_series_count(manifest),
        saved=manifest["saved"],
        version=manifest["version"],
        facts=list(_iter_facts(manifest)),
        selection=selection,
        columns=columns,
        candidates=[[_format_cell(row.get(name)) for name in columns] for row in candidates],
    )


@cache
def _load_template() -> Any:
    filters = {"names": _format_names, "cell": _format_cell}
    return build_environment("md", filters).get_template("forecasting/model_card.md.jinja")


def _shorten(text: object, max_length: int = MAX_NAME_LENGTH) -> str:
    line = " ".join(str(text).split())
    if len(line) <= max_length:
        return line
    return f"{line[: max_length - 1]}\N{HORIZONTAL ELLIPSIS}"


def _iter_facts(manifest: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield label and value of the rows of the card's first table."""
    yield from _iter_source_facts(manifest, manifest["summary"])
    inputs = set(manifest["inputs"])
    yield "series", _format_names([name for name in manifest["names"] if name not in inputs])
    if inputs:
        yield "used but not forecast", _format_names(manifest["inputs"])
    yield "forecasts", f"{manifest['horizon']:,} steps from the last {manifest['lookback']:,}"
    yield "model", _format_call(manifest["backbone"])
    if "zero_shot" in manifest["summary"]:
        yield "fit", "none: the network was pretrained on synthetic series alone"
    yield "normalizer", _format_call(manifest["normalizer"])
    known = manifest["summary"].get("covariates", manifest["covariates"])
    if known:
        yield "known in advance", _format_names(known)
    yield "intervals", _describe_intervals(manifest)
    notes = manifest["summary"].get("range", {}).get("notes")
    if notes:
        yield "values", "; ".join(notes)


def _iter_source_facts(
    manifest: Mapping[str, Any], summary: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    source = summary.get("source")
    if source:
        facts = source if isinstance(source, Mapping) else {"file": source}
        yield from ((name, _shorten(value)) for name, value in facts.items() if value is not None)
    zone = f", {manifest['time_zone']}" if manifest["time_zone"] else ""
    if "rows" in summary:
        yield "rows", f"{summary['rows']:,}, {summary['first']} to {summary['last']}{zone}"
    yield "step", manifest["frequency"] or "unknown"
    if "unobserved" in summary:
        cells = max(1, summary["rows"] * len(manifest["names"]))
        yield "not observed", f"{summary['unobserved'] / cells:.2%} of the values"


def _describe_intervals(manifest: Mapping[str, Any]) -> str:
    is_pretrained = "zero_shot" in manifest["summary"]
    if manifest["training"].get("loss") == "quantile" or is_pretrained:
        return "the model's own quantiles"
    if not manifest["calibrated"]:
        return "none"
    return describe_calibration(manifest["summary"])


def _describe_series_count(manifest: Mapping[str, Any]) -> str:
    count = len(manifest["names"]) - len(manifest["inputs"])
    return "1 series" if count == 1 else f"{count:,} series"


def _format_call(component: Mapping[str, Any]) -> str:
    return _shorten(ModuleSpec.from_dict(**component).call_expression, MAX_CALL_LENGTH)


def _format_names(names: Sequence[str]) -> str:
    shown = ", ".join(_shorten(name) for name in names[:MAX_NAMES])
    return shown if len(names) <= MAX_NAMES else f"{shown} and {len(names) - MAX_NAMES:,} more"


def _format_cell(value: object) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else _shorten(value)
