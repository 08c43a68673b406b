"""Parse the words of a command line and its options file into values of options."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

from revin_forecast.cli.options import Option, find_values, normalize_words
from revin_forecast.cli.usage_errors import CommandOptions
from revin_forecast.errors import InputError
from revin_forecast.models.spec import ModuleSpec


@dataclass(frozen=True)
class ParsedWords:
    """The options of a call, with classes not looked up yet."""

    values: dict[str, Any]
    """Values by key."""
    module_words: Mapping[str, dict[str, str]]
    """Texts of the options of each class by name, such as {"backbone": {"kernel": "5"}}."""
    notes: Sequence[str] = ()
    """Notes for the user, such as one about an earlier name of an option."""


def parse_words(command: CommandOptions, words: Sequence[str]) -> ParsedWords:
    """Parse the words after a command's name; options on the command line override the file.

    Raises:
        InputError: an option or a value that can't be used, or a required one that is missing.
    """
    words = normalize_words(words, command.options)
    _check_repeats(words, command.options)
    plain, module_words = _split_module_words(words, command.options)
    parser = build_parser(command)
    notes: list[str] = []
    config = {
        key: value
        for path in find_values("config", words)
        for key, value in command.read_config(path, notes).items()
    }
    base = parser.parse_object(config) if config else None
    options = parser.parse_args(plain, namespace=base)
    values = {option.key: options.get(option.key) for option in command.options}
    for option in command.options:
        # argparse resets a positional argument that is not on the command line.
        if option.is_positional and values[option.key] == option.default and base is not None:
            values[option.key] = base.get(option.key)
    _return_files(command.options, values)
    command.require(values)
    return ParsedWords(values, module_words, notes)


def _check_repeats(words: Sequence[str], options: Sequence[Option]) -> None:
    """Check that no option is given twice with different values: the first would be dropped.

    Raises:
        InputError: an option is given twice.
    """
    lists = [f"--{option.key}" for option in options if option.item_type is not None]
    given: dict[str, list[str]] = {}
    starts = [index for index, word in enumerate(words) if word.startswith("--")]
    for start, stop in pairwise([*starts, len(words)]):
        flag, equals, value = words[start].partition("=")
        values = [value] if equals else list(words[start + 1 : stop])
        values = values if flag in lists else values[:1]
        before = given.setdefault(flag, values)
        if values == before or flag == "--config":
            continue
        shown = flag.replace("_", "-")
        remedy = "leave one of them out"
        if flag in lists:
            remedy = f"write all values after one, {shown} {shlex.join([*before, *values])}"
        raise InputError(f"{shown} was given twice; {remedy}.")


def _return_files(options: Sequence[Option], values: dict[str, Any]) -> None:
    """Take files from the end of an option's list: `--time year month sales.csv`."""
    missing = [
        option.key
        for option in options
        if option.is_positional and values[option.key] == option.default
    ]
    for option in options:
        listed = values[option.key]
        if option.item_type is not str or not isinstance(listed, list) or not missing:
            continue
        kept = len(listed)
        while kept > 1 and len(listed) - kept < len(missing) and _is_file(listed[kept - 1]):
            kept -= 1
        for key, word in zip(missing, listed[kept:], strict=False):
            values[key] = word
        values[option.key] = listed[:kept]
        missing = missing[len(listed) - kept :]


def _is_file(word: str) -> bool:
    return word == "-" or Path(word).exists()


def resolve_modules(command: CommandOptions, parsed: ParsedWords) -> dict[str, Any]:
    """Return the values of all options, with a `ModuleSpec` for each named class.

    Raises:
        InputError: not a class that an option accepts, or an option that the class does not have.
    """
    modules = {
        option.key: _resolve_module(
            option, parsed.values[option.key], parsed.module_words.get(option.key, {})
        )
        for option in command.options
        if option.is_module
    }
    return parsed.values | modules


def format_options_file(values: Mapping[str, Any]) -> str:
    """Return the values of options as an options file, from which --config reads them."""
    import yaml

    content: dict[str, Any] = {}
    for key, value in values.items():
        if key in ("config", "print_config", "verbose"):
            continue
        group, _, name = key.rpartition(".")
        (content.setdefault(group, {}) if group else content)[name] = _to_yaml(value)
    return yaml.safe_dump(content, sort_keys=False)


def build_parser(command: CommandOptions) -> Any:
    """Return the parser of a command, which takes any value for a class."""
    from revin_forecast.utils.typed_parser import TypedParser

    parser = TypedParser(
        {option.key: option.item_type or option.annotation for option in command.options},
        explain_unknown=command.explain_unknown,
    )
    for option in command.options:
        annotation = option.annotation if option.default is not None else option.annotation | None
        if option.is_positional:
            parser.add_argument(option.key, type=annotation, nargs="?", default=option.default)
        elif option.item_type is not None:
            # jsonargparse would expect a list as --target '[a, b]'; this takes --target a b.
            parser.add_argument(f"--{option.key}", nargs="+", type=option.item_type, default=None)
        else:
            kind = Any if option.is_module else annotation
            default = option.default
            default = default.path if isinstance(default, ModuleSpec) else default
            parser.add_argument(f"--{option.key}", type=kind, default=default)
    return parser


def _split_module_words(
    words: Sequence[str], options: Sequence[Option]
) -> tuple[list[str], dict[str, dict[str, str]]]:
    """Separate the options of classes, such as --backbone.kernel 5, from all others.

    Returns:
        The other words, and the texts of class options by name for each option of a class.
    """
    modules = [option.key for option in options if option.is_module]
    plain: list[str] = []
    found: dict[str, dict[str, str]] = {}
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        module, dot, name = flag.removeprefix("--").partition(".")
        if not (word.startswith("--") and dot and module in modules):
            plain.append(word)
            continue
        text = value if equals else next(rest, None)
        if text is None or text.startswith("--"):
            raise InputError(f"{flag} was given without a value; write one after it.")
        found.setdefault(module, {})[name] = text
    return plain, found


def _resolve_module(option: Option, value: Any, words: dict[str, str]) -> Any:
    """Return the specification of a named class; the default if none is named."""
    default = option.default
    if isinstance(default, ModuleSpec) and value == default.path:
        if not words:
            return default
    elif value == default:
        if words:
            raise InputError(
                f"{option.flag}.{next(iter(words))} is an option of a class but no class was "
                f"named; name it, as in {option.flag} Class."
            )
        return value
    # Only here: a class needs torch.
    from revin_forecast.models.parse_module import ModuleKind, parse_module

    return parse_module(cast(ModuleKind, option.key), value, words, option=option.flag)


def _to_yaml(value: Any) -> Any:
    if isinstance(value, ModuleSpec):
        return value.to_yaml()
    if isinstance(value, tuple):
        return list(cast(tuple[Any, ...], value))
    return str(value) if isinstance(value, Path) else value
