"""The options of a command, from the parameters of its function and their dataclasses."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import zip_longest
from typing import Annotated, Any, get_args, get_origin

from revin_forecast.data.range_settings import RangeSettings
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.selection.settings import SelectionSettings

FLAT_GROUPS: tuple[type, ...] = (ReadingOptions, RangeSettings, SelectionSettings)
"""Dataclasses whose fields are options of their own (--time), not options of a group."""
ITEM_TYPES: dict[Any, type] = {
    annotation: item
    for item in (str, int, float)
    for kind in (list[item], tuple[item, ...])
    for annotation in (kind, kind | None)
}
"""Types of options that take several values after one flag, and the type of a value."""


@dataclass(frozen=True)
class Without:
    """Fields of an options dataclass that a command does not have, as an annotation."""

    names: tuple[str, ...]
    """Names of the fields."""


@dataclass(frozen=True)
class Option:
    """An option of a command."""

    key: str
    """Name with _ between words; "training.seed" is the field of a group."""
    annotation: Any
    """Type of the value."""
    default: Any = None
    """Value if the option is not given; also None for a required option."""
    parameter: str = ""
    """Parameter of the function that takes the value or a dataclass with it; empty for none."""
    is_positional: bool = False
    is_required: bool = False

    @property
    def flag(self) -> str:
        """The option as users write it."""
        return f"--{self.key.replace('_', '-')}"

    @property
    def name(self) -> str:
        """The option in messages: FILE or --horizon."""
        return self.key.upper() if self.is_positional else self.flag

    @property
    def item_type(self) -> type | None:
        """Type of each value of an option that takes several, as --target a b; None for others."""
        return None if "." in self.key else ITEM_TYPES.get(self.annotation)

    @property
    def is_module(self) -> bool:
        """Whether the value names a backbone or normalizer."""
        return ModuleSpec in (self.annotation, *get_args(self.annotation))


COMMON_OPTIONS = (
    Option("config", str | None),
    Option("print_config", bool, False),
    Option("verbose", bool, False),
)
"""Options that every command has."""


def list_options(function: Callable[..., Any], positional: Sequence[str]) -> list[Option]:
    """Return the options of a command in the order of its function's parameters.

    Args:
        function: function of the command.
        positional: parameters that are passed without a flag.
    """
    options: list[Option] = []
    for name, parameter in inspect.signature(function).parameters.items():
        annotation, left_out = split_annotation(parameter.annotation)
        if is_dataclass(annotation) and annotation is not ModuleSpec:
            prefix = "" if annotation in FLAT_GROUPS else f"{name}."
            options += [
                Option(f"{prefix}{field.name}", field.type, field.default, name)
                for field in fields(annotation)
                if field.name not in left_out
            ]
            continue
        is_required = parameter.default is inspect.Parameter.empty
        default = None if is_required else parameter.default
        options.append(Option(name, annotation, default, name, name in positional, is_required))
    return [*options, *COMMON_OPTIONS]


def split_annotation(annotation: Any) -> tuple[Any, frozenset[str]]:
    """Return the type of a parameter, and the fields that a `Without` leaves out."""
    if get_origin(annotation) is not Annotated:
        return annotation, frozenset()
    kind, *notes = get_args(annotation)
    return kind, frozenset(name for note in notes for name in note.names)


def group_values(function: Callable[..., Any], values: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a function from the values of its options.

    Args:
        function: function of a command.
        values: values by key; None stands for the default of a dataclass's field.
    """
    arguments: dict[str, Any] = {}
    for name, parameter in inspect.signature(function).parameters.items():
        annotation, _ = split_annotation(parameter.annotation)
        if not is_dataclass(annotation) or annotation is ModuleSpec:
            arguments[name] = values[name]
            continue
        prefix = "" if annotation in FLAT_GROUPS else f"{name}."
        given = {field.name: values.get(f"{prefix}{field.name}") for field in fields(annotation)}
        kind: Any = annotation
        arguments[name] = kind(
            **{
                key: tuple(value) if isinstance(value, list) else value
                for key, value in given.items()
                if value is not None
            }
        )
    return arguments


def find_short_names(options: Sequence[Option]) -> dict[str, str]:
    """Return the keys of the fields of groups by their short names, where those are not in use."""
    used_names = {option.key for option in options}
    short: dict[str, str] = {}
    for option in options:
        group, _, name = option.key.rpartition(".")
        if group and name not in used_names:
            short[name] = option.key
            used_names.add(name)
    return short


def normalize_words(words: Sequence[str], options: Sequence[Option]) -> list[str]:
    """Expand abbreviations: `--data-dir` to `--data_dir` and `--json` to `--json true`.

    `--seed` becomes `--training.seed` if the command has no option `--seed` itself.
    """
    short = find_short_names(options)
    switches = {f"--{option.key}" for option in options if option.annotation is bool}
    expanded: list[str] = []
    for word, following in zip_longest(words, words[1:], fillvalue=""):
        if word.startswith("--"):
            key, equals, value = word[2:].partition("=")
            key = key.replace("-", "_")
            word = f"--{short.get(key, key)}{equals}{value}"
        expanded.append(word)
        if word in switches and following not in ("true", "false"):
            expanded.append("true")
    return expanded


def replace_old_names(
    words: Sequence[str], old_names: Mapping[str, str], options: Sequence[Option]
) -> tuple[list[str], list[str]]:
    """Replace earlier names of options by the present ones.

    Args:
        words: words after the command's name.
        old_names: present names by the earlier ones.
        options: options of the command; a positional one loses its flag.

    Returns:
        The words, and a note for each earlier name among them.

    Raises:
        InputError: an option that is positional now has no value.
    """
    positional = {option.key for option in options if option.is_positional}
    replaced: list[str] = []
    first: list[str] = []
    notes: list[str] = []
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        new = old_names.get(flag.removeprefix("--").replace("-", "_"))
        if new is None or not flag.startswith("--"):
            replaced.append(word)
            continue
        notes.append(format_old_name(flag.removeprefix("--"), new, new in positional))
        if new in positional:
            # In front, where no option that takes several values can claim it.
            value = value if equals else next(rest, "")
            if not value or value.startswith("--"):
                raise InputError(f"{flag} was given without a value; write one after it.")
            first.append(value)
        else:
            replaced.append(f"--{new}{equals}{value}")
    return [*first, *replaced], notes


def format_old_name(old: str, new: str, is_positional: bool) -> str:
    """Return the note about an earlier name of an option."""
    if is_positional:
        return f"--{old} X is now written X, without a flag; the old spelling still works."
    return f"--{old} is now --{new.replace('_', '-')}; the old spelling still works."


def find_values(key: str, words: Sequence[str]) -> list[str]:
    """Return all values of an option, written as `--key value` or `--key=value`.

    >>> find_values("config", ["--config", "a.yaml", "--config=b.yaml"])
    ['a.yaml', 'b.yaml']
    """
    values: list[str] = []
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag == f"--{key}":
            values += [value] if equals else words[index + 1 : index + 2]
    return values
