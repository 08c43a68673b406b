"""Checks of arguments that need neither a table nor a model, so that they come first."""

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

from revin_forecast.errors import InputError, did_you_mean, join_words


def check_count(name: str, value: Any, unit: str = "steps", minimum: int = 1) -> int:
    """Return a whole number of Python or numpy as an int.

    Args:
        name: name of the argument, for the message.
        value: the argument.
        unit: the unit of the number.
        minimum: the smallest number.

    Raises:
        InputError: not a whole number, or a smaller one.

    >>> check_count("horizon", 7)
    7
    """
    if isinstance(value, Integral) and not isinstance(value, bool) and int(value) >= minimum:
        return int(value)
    shown = value if isinstance(value, Integral) and not isinstance(value, bool) else repr(value)
    raise InputError(
        f"{name} is a number of {unit} from {minimum} up but got {shown!s:.60}."
        f"{_suggest_number(value, minimum)}"
    )


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Reject a word that is not among the choices of an argument.

    Raises:
        InputError: another word, or not a word.

    >>> check_choice("effort", "standard", ["standard", "thorough"])
    """
    if value in choices:
        return
    wanted = join_words([repr(choice) for choice in choices], "or")
    hint = did_you_mean(value, choices) if isinstance(value, str) else ""
    raise InputError(f"{name} is {wanted} but got {value!r:.60}.{hint}")


def check_names(name: str, value: Any) -> None:
    """Reject a text where a list of names is expected: its letters would be the names.

    Raises:
        InputError: a text.

    >>> check_names("target", ["sales"])
    """
    if isinstance(value, str):
        raise InputError(f"{name} is a list of names but got {value!r:.60}; pass [{value!r:.60}].")


def check_level(level: Any) -> float:
    """Return the level of an interval.

    Raises:
        InputError: not a percentage from 1 to below 100; the message explains shares such as 0.8.

    >>> check_level(80)
    80.0
    """
    if not isinstance(level, Real) or isinstance(level, bool):
        raise InputError(f"a level is in percent, such as 80, but got {repr(level)!s:.60}.")
    percent = float(level)
    if 0 < percent < 1:
        raise InputError(f"a level is in percent but got {percent:g}; pass {100 * percent:g}.")
    if not 1 <= percent < 100:
        raise InputError(
            f"a level is in percent, from 1 to below 100, but got {percent:g}; try 80."
        )
    return percent


def check_levels(level: Any) -> tuple[float, ...]:
    """Return interval levels in percent; one number is a list of one.

    Raises:
        InputError: not numbers, or not percentages from 1 to below 100.

    >>> check_levels(90), check_levels([80, 95]), check_levels(None)
    ((90.0,), (80.0, 95.0), ())
    """
    if level is None:
        return ()
    is_many = isinstance(level, Iterable) and not isinstance(level, str | bytes)
    return tuple(map(check_level, level if is_many else [level]))


def check_quantile(quantile: Any) -> float:
    """Return the level of a quantile.

    Raises:
        InputError: not a number between 0 and 1; the message explains percentages.

    >>> check_quantile(0.5)
    0.5
    """
    if not isinstance(quantile, Real) or isinstance(quantile, bool):
        raise InputError(f"a quantile is between 0 and 1 but got {quantile!r:.60}; try 0.1.")
    level = float(quantile)
    if not 0 < level < 1:
        hint = f"; pass {level / 100:g}" if 1 < level < 100 else "; try 0.1"
        raise InputError(f"a quantile is between 0 and 1 but got {level:g}{hint}.")
    return level


def check_quantiles(quantiles: Any) -> tuple[float, ...]:
    """Return levels of quantiles; one number is a list of one.

    Raises:
        InputError: not numbers between 0 and 1.

    >>> check_quantiles(0.5), check_quantiles([0.1, 0.9])
    ((0.5,), (0.1, 0.9))
    """
    if quantiles is None:
        return ()
    is_many = isinstance(quantiles, Iterable) and not isinstance(quantiles, str | bytes)
    return tuple(map(check_quantile, quantiles if is_many else [quantiles]))


def check_season(season: int, rows: int) -> None:
    """Check that a table has more rows than a season has.

    Raises:
        InputError: it has not; the message has the number that works.
    """
    if season >= rows:
        raise InputError(
            f"a season of {season:,} steps is not shorter than the table of {rows:,} rows, so it "
            f"can't be seen. Pass one of at most {max(2, rows // 2):,}, or leave --season out."
        )


def check_positive(name: str, value: Any) -> None:
    """Check that a setting is a finite number above 0.

    Raises:
        InputError: it is not.
    """
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not (is_number and math.isfinite(value) and float(value) > 0):
        raise InputError(f"training needs {name} > 0 but got {value}.")


def _suggest_number(value: Any, minimum: int) -> str:
    """Return the remedy for a number of another type, such as 7.0 or "7"."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return ""
    is_usable = not isinstance(value, bool) and number.is_integer() and number >= minimum
    return f" Pass {int(number)}." if is_usable and not isinstance(value, Integral) else ""
