"""Names of the members of a suite, and the check that each is listed once."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields

from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.shift.shift import Shift
from revin_forecast.training.settings import TrainingSettings


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


def name_trainings(
    trainings: set[TrainingSettings], usual: TrainingSettings
) -> dict[TrainingSettings, str]:
    """Return the part of a model's name in tables that distinguishes its trainings.

    A single training needs none; of several, the settings that differ from the suite's are named.
    """
    if len(trainings) == 1:
        return dict.fromkeys(trainings, "")
    # The levels of a quantile loss are long, and seldom needed to distinguish trainings.
    short = {training: _name_changes(training, usual, {"levels"}) for training in trainings}
    if len(set(short.values())) == len(trainings):
        return short
    return {training: _name_changes(training, usual, set()) for training in trainings}


def _name_changes(training: TrainingSettings, usual: TrainingSettings, skip: set[str]) -> str:
    changed = [
        f"{item.name}={getattr(training, item.name)}"
        for item in fields(TrainingSettings)
        if item.name not in skip and getattr(training, item.name) != getattr(usual, item.name)
    ]
    return f" [{', '.join(changed)}]" if changed else ""


def name_modules(modules: Sequence[ModuleSpec]) -> dict[str, str]:
    """Return the names of modules: the class, with parameters if the class occurs with several."""
    # Specs hold dicts and are not hashable, so their repr is the key.
    distinct = {repr(module): module for module in modules}
    counts = Counter(module.name for module in distinct.values())
    return {
        key: module.name if counts[module.name] == 1 else module.call_expression
        for key, module in distinct.items()
    }
