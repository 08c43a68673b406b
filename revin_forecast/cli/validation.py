"""Checks of arguments that several commands share, made before any work starts."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from revin_forecast.errors import InputError, did_you_mean
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.utils.arguments import check_levels
from revin_forecast.utils.files import describe_missing_file, split_part

COUNTS = ("horizon", "lookback", "season", "step", "refit")
"""Options that count rows."""
MAX_UNREAD_HORIZON = 100_000
"""Longer horizons are compared with the memory before the table is read."""


def require_dataset(data: str) -> bool:
    """Check that a name is a file or a catalogued data set.

    Returns:
        Whether it is a catalogued data set.

    Raises:
        InputError: it is neither; the message suggests similar names.
    """
    from revin_forecast.data.catalog import catalog

    if data in catalog.CATALOG:
        return True
    path = Path(split_part(data)[0])
    if data == "-" or path.exists():
        return False
    if path.suffix:  # no data set has a dot in its name
        raise InputError(describe_missing_file(path))
    try:
        catalog.find_entry(data)
    except InputError as error:
        raise InputError(f"there is no file {data!r}, and {error.message}") from None
    return False


def require_positive(**sizes: int | None) -> None:
    """Check positive numbers, passed by the names of their options.

    Raises:
        InputError: a number is below 1.
    """
    for name, size in sizes.items():
        if size is not None and size < 1:
            raise InputError(f"--{name} is {size}; pass a positive number.")


def check_numbers(values: Mapping[str, Any]) -> None:
    """Check the numbers among the options of a command, before any import or reading.

    Args:
        values: values by the key of the option; None for an option that was not given.

    Raises:
        InputError: a number that no table and no model could make work.
    """
    for name in COUNTS:
        value = values.get(name)
        for size in value if isinstance(value, list | tuple) else [value]:
            # `refit` is a number of rows or a switch, depending on the command.
            if not isinstance(size, bool):
                require_positive(**{name: size})
    check_levels(values.get("level"))
    workers, share, horizon = (values.get(name) for name in ("workers", "test_share", "horizon"))
    if values.get("blocks", 2) < 2:
        raise InputError(f"--blocks is {values['blocks']}; pass 2 or more, such as 4.")
    if workers is not None and workers < 1:
        raise InputError(f"--workers is {workers}; at least one worker is needed.")
    if share is not None and not 0 < share < 1:
        raise InputError(f"the test share lies between 0 and 1 but got {share:g}; pass 0.2.")
    if isinstance(horizon, int) and horizon > MAX_UNREAD_HORIZON:
        _check_memory(horizon)


def _check_memory(horizon: int) -> None:
    """Check the memory of a forecast of one series; that of several is checked with the table."""
    from revin_forecast.utils.memory import limit_horizon

    limit = limit_horizon()
    if horizon > limit:
        raise InputError(
            f"--horizon is {horizon:,}; such a forecast needs more memory than there is. Pass a "
            f"horizon of at most {limit:,}, or forecast longer steps."
        )


def require_known_shifts(shifts: Sequence[str]) -> None:
    """Check the names of shifts before a model is fitted.

    Raises:
        InputError: there is no shift of a given name.
    """
    if shifts:  # Import the shift benchmark only when it is used.
        from revin_forecast.shift.suite.suite_yaml import parse_shifts

        parse_shifts(shifts)


def fingerprint_file(file: str) -> dict[str, str]:
    """Return the name and SHA-256 of a file, as a saved model records its source."""
    if file == "-":
        return {"file": "standard input"}
    name, part = split_part(file)
    path = Path(name)
    if not path.is_file():
        return {"file": path.name}  # Reading the file will report the error.
    with path.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    shown = path.name if part is None else f"{path.name}::{part}"
    return {"file": shown, "sha256": digest}


def check_group_options(**options: object) -> None:
    """Check that no option is set that --group does not support.

    Raises:
        InputError: an option is set.
    """
    for name, value in options.items():
        if value:
            raise InputError(
                f"--{name} can't be combined with --group. Leave one of them out, or forecast each "
                "group from a separate table."
            )


def choose_backbone(
    model: str | None, backbone: ModuleSpec | Literal["auto"], file: str
) -> ModuleSpec | Literal["auto"]:
    """Return the backbone that --model or --backbone names.

    Args:
        model: value of --model; None: not given.
        backbone: value of --backbone.
        file: table of the call, for the message.

    Raises:
        InputError: both name one, or --model names something else than pretrained.
    """
    if model is None:
        return backbone
    if model != "pretrained":
        remedy = did_you_mean(model, ["pretrained"]) or " Another model is named by --backbone."
        if Path(model).exists():
            remedy = f" A saved forecaster is used by: revin-forecast predict {model} {file}."
        raise InputError(f"--model expects pretrained but got {model}.{remedy}")
    if backbone != "auto":
        raise InputError("--model pretrained can't be combined with --backbone. Leave one out.")
    return ModuleSpec("revin_forecast.Pretrained")
