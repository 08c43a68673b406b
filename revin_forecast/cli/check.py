"""The command `check`: check a normalizer or backbone class against the contract."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import revin_forecast
from revin_forecast.cli.output import print_json
from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.utils.files import atomic_write
from revin_forecast.utils.progress import is_verbose, progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch.
    from revin_forecast.checks import CheckResult


def check(name: str, programs: bool = False, out: Path | None = None, json: bool = False) -> None:
    """Check every promise of the contract on a normalizer or backbone class.

    The table has all results. The failures follow with their measured values, worst first: silent
    errors before visible ones. Exits with code 2 if a promise does not hold.

    Args:
        name: import path of the class, such as mine.Scale, or the name of a class of this package.
            A RevIN of other code is called as it is written, for instance layer(x, "norm").
        programs: also compile the class, export it and run it with ONNX, which takes some seconds.
        out: write the table to this file, in Markdown.
        json: print one JSON object instead of the table.
    """
    if "." not in name and name not in revin_forecast.__all__:
        # An import error could not suggest similar names.
        raise InputError(
            f"{name} is not a class of revin_forecast."
            f"{did_you_mean(name, revin_forecast.__all__)} Name your own class as module.Class."
        )
    path = name if "." in name else f"revin_forecast.{name}"
    from revin_forecast.checks.runner import count_failures, format_failures, sort_failures
    from revin_forecast.forecasting.onnx_export import silence_compiler
    from revin_forecast.reports.markdown import markdown_table

    with progress(f"checking {name}"), nullcontext() if is_verbose() else silence_compiler():
        results, calls = check_each_class(ModuleSpec(path).import_class(), programs)
    rows = [
        {"promise": result.promise, path.rpartition(".")[2]: format_status(result)}
        for result in results
    ]
    failures = sort_failures(results)
    parts = [markdown_table(rows)]
    if calls:
        parts.append(f"The layer is called as `{calls}`.")
    if failures:
        parts += ["Failures, worst first:", "\n".join(format_failures(failures))]
    text = "\n\n".join(parts)
    if out is not None:
        with atomic_write(out) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
    if json:
        print_json(to_dict(path, results, calls))
    elif out is None:
        print(text)
    else:
        print(out)
    # Report failures after the table, as an error, so that the exit code is 2.
    if failures:
        raise InputError(f"{count_failures(len(failures), len(results))} for {path}.")


def check_each_class(kind: type, programs: bool) -> "tuple[list[CheckResult], str]":
    """Run the checks for a normalizer, a backbone or a layer of other code.

    Returns:
        The results, and the calls of a layer of other code as text, else "".

    Raises:
        InputError: any other class.
    """
    from revin_forecast.backbones import Backbone
    from revin_forecast.checks import audit_backbone, audit_normalizer
    from revin_forecast.checks.adapted_layer import adapt_factory
    from revin_forecast.normalizers import Normalizer

    if issubclass(kind, Normalizer):
        return audit_normalizer(kind, programs), ""
    if issubclass(kind, Backbone):
        return audit_backbone(kind, programs), ""
    try:
        _, style = adapt_factory(kind)
    except InputError as error:
        raise InputError(
            f"{kind.__name__} is neither a Normalizer nor a backbone of (lookback, horizon, "
            f"channels), nor a layer that can be called. {error.message.splitlines()[0]}"
        ) from error
    return audit_normalizer(kind, programs), style.description if style else ""


def to_dict(path: str, results: "Sequence[CheckResult]", calls: str = "") -> dict[str, object]:
    """Return the results of all checks and the number of each status as plain values.

    Args:
        path: import path of the class.
        results: of all checks.
        calls: the calls of a layer of other code as text.
    """
    from revin_forecast.checks.runner import sort_failures

    status = {True: "passed", False: "failed", None: "skipped"}
    checks = [
        {"promise": result.promise, "status": status[result.holds], "detail": result.detail}
        for result in results
    ]
    counts = {word: sum(check["status"] == word for check in checks) for word in status.values()}
    worst_first = [result.promise for result in sort_failures(results)]
    record = {"class": path, **counts, "checks": checks, "failures_worst_first": worst_first}
    return {**record, "calls": calls} if calls else record


def format_status(result: "CheckResult") -> str:
    """Format a result as a table cell."""
    if result.holds is None:
        return f"- ({result.detail})"
    if result.holds:
        return f"holds ({result.detail})" if result.detail else "holds"
    return f"FAILS: {' '.join(result.detail.split())[:200]}"
