from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from revin_forecast.backbones import Backbone
from revin_forecast.checks import CheckResult, audit_backbone, audit_normalizer
from revin_forecast.components import Component
from revin_forecast.errors import InputError
from revin_forecast.evidence import markdown_table
from revin_forecast.files import replacing
from revin_forecast.normalizers import Normalizer


def check(name: str, programs: bool = False, out: Path | None = None) -> None:
    """Hold a normalizer or backbone class to the contract, promise by promise.

    Ends with status 2 where a promise does not hold.

    Args:
        name: import path of the class, such as mine.Scale, or a name of this package.
        programs: also compile it, export it and run it as ONNX, which takes some seconds.
        out: write the table to this file, as Markdown.
    """
    path = name if "." in name else f"revin_forecast.{name}"
    results = audit(Component(path).resolve(), programs)
    rows = [
        {"promise": result.promise, path.rpartition(".")[2]: told(result)} for result in results
    ]
    text = markdown_table(rows)
    if out is None:
        Console(soft_wrap=True).print(text, markup=False, highlight=False)
    else:
        with replacing(out) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
        print(out)
    broken = sum(result.holds is False for result in results)
    if broken:
        raise InputError(f"{broken} of {len(results)} promises do not hold for {path}.")


def audit(kind: Callable, programs: bool) -> list[CheckResult]:
    """Run the checks that fit a class."""
    if isinstance(kind, type) and issubclass(kind, Normalizer):
        return audit_normalizer(kind, programs)
    if isinstance(kind, type) and issubclass(kind, Backbone):
        return audit_backbone(kind, programs)
    raise InputError(
        f"{kind.__name__} is neither a Normalizer nor a backbone of (lookback, horizon, channels)."
    )


def told(result: CheckResult) -> str:
    """Return a table cell about a result."""
    if result.holds is None:
        return f"- ({result.detail})"
    return "holds" if result.holds else f"FAILS: {' '.join(result.detail.split())[:200]}"
