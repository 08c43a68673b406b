"""Names of the members of a suite, and the check that each is listed once."""

from collections.abc import Iterable, Sequence

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


def check_distinct(name: str, values: Iterable[object], shown: Sequence[str] | None = None) -> None:
    """Check that a list of a suite has members, and each once.

    Args:
        name: key of the list, for messages.
        values: the members, whose texts are compared.
        shown: the members as messages show them; None: their texts.

    Raises:
        InputError: it has none, or one of them twice.

    >>> check_distinct("models.seeds", [0, 1])
    """
    texts = [str(value) for value in values]
    if not texts:
        raise InputError(f"{name} is empty; give at least one.")
    for place, text in enumerate(texts):
        count = texts.count(text)
        if count > 1:
            raise InputError(
                f"{name}: each is listed once but got {(shown or texts)[place]} {count} times. "
                "Leave the repetition out."
            )
