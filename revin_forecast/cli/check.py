from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console

import revin_forecast
from revin_forecast.backbones import Backbone
from revin_forecast.checks import CheckResult, audit_backbone, audit_normalizer
from revin_forecast.cli.output import print_json
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.forecasting.onnx_export import silence_compiler
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Normalizer
from revin_forecast.reports.markdown import markdown_table
from revin_forecast.utils.files import atomic_write
from revin_forecast.utils.progress import is_verbose, progress


def check(name: str, programs: bool = False, out: Path | None = None, json: bool = False) -> None:
    """Hold a normalizer or backbone class to the contract, promise by promise.

    Ends with status 2 where a promise does not hold.

    Args:
        name: import path of the class, such as mine.Scale, or a name of this package.
        programs: also compile it, export it and run it as ONNX, which takes some seconds.
        out: write the table to this file, as Markdown.
        json: print one JSON object instead of the table.
    """
    if "." not in name and name not in revin_forecast.__all__:
        raise InputError(
            f"{name} is no class of revin_forecast.{did_you_mean(name, revin_forecast.__all__)} Name "
            "your own as module.Class."
        )
    path = name if "." in name else f"revin_forecast.{name}"
    with progress(f"checking {name}"), nullcontext() if is_verbose() else silence_compiler():
        results = run_checks(ModuleSpec(path).import_class(), programs)
    rows = [
        {"promise": result.promise, path.rpartition(".")[2]: format_status(result)}
        for result in results
    ]
    text = markdown_table(rows)
    if out is not None:
        with atomic_write(out) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    if json:
        print_json(to_dict(path, results))
    elif out is None:
        Console(soft_wrap=True).print(text, markup=False, highlight=False)
    else:
        print(out)
    broken = sum(result.holds is False for result in results)
    if broken:
        raise InputError(f"{broken} of {len(results)} promises do not hold for {path}.")


def run_checks(kind: Callable, programs: bool) -> list[CheckResult]:
    """Run the checks that fit a class."""
    if isinstance(kind, type) and issubclass(kind, Normalizer):
        return audit_normalizer(kind, programs)
    if isinstance(kind, type) and issubclass(kind, Backbone):
        return audit_backbone(kind, programs)
    raise InputError(
        f"{kind.__name__} is neither a Normalizer nor a backbone of (lookback, horizon, channels)."
    )


def to_dict(path: str, results: Sequence[CheckResult]) -> dict[str, object]:
    """Return what came of each check as plain values, and how often each came."""
    status = {True: "passed", False: "failed", None: "skipped"}
    checks = [
        {"promise": one.promise, "status": status[one.holds], "detail": one.detail}
        for one in results
    ]
    counts = {word: sum(one["status"] == word for one in checks) for word in status.values()}
    return {"class": path, **counts, "checks": checks}


def format_status(result: CheckResult) -> str:
    """Return a table cell about a result."""
    if result.holds is None:
        return f"- ({result.detail})"
    return "holds" if result.holds else f"FAILS: {' '.join(result.detail.split())[:200]}"
