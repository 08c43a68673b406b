"""Names of the members of a suite, and the check that each is listed once."""

from collections import Counter
from collections.abc import Iterable

from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift.shift import Shift


def find_names(module: ModuleSpec) -> tuple[str, ...]:
    """Return the names by which an exclusion may call a module."""
    return module.name, module.path, module.call_expression


def name_shift(shift: Shift) -> str:
    """Return the name of a shift and of its arm, as suites write it.

    >>> from revin_forecast.shift.generators import Level, Scale
    >>> name_shift(Level()), name_shift(Scale("up"))
    ('level', 'scale_up')
    """
    return f"{shift.name}_{shift.arm}" if shift.arm else shift.name


def check_distinct(name: str, values: Iterable[object]) -> None:
    """Check that a list of a suite has members, and each once.

    Raises:
        InputError: it has none, or one of them twice.
    """
    texts = [
        value.call_expression if isinstance(value, ModuleSpec) else str(value) for value in values
    ]
    if not texts:
        raise InputError(f"{name} is empty; give at least one.")
    repeated = [text for text, count in Counter(texts).items() if count > 1]
    if repeated:
        raise InputError(
            f"{name}: each is listed once but got {repeated[0]} {texts.count(repeated[0])} times. "
            "Leave the repetition out."
        )
