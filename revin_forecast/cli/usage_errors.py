"""Messages about unusable arguments, in the user's terms instead of the parser's."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from revin_forecast.errors import InputError, did_you_mean

TYPE_NAMES = {
    "<class 'int'>": "a whole number",
    "<class 'float'>": "a number",
    "<class 'bool'>": "true or false",
    "<class 'str'>": "text",
    "<class 'pathlib.Path'>": "a path",
}
"""Types in the parser's messages, and their names for users."""


def join_words(words: Sequence[str], last: str) -> str:
    """Join words to a list in prose, such as "a, b and c"."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def describe_invalid_class(kind: str, name: str) -> str:
    """Return why a name is not a class for an option, and a fix.

    Args:
        kind: the option, such as "backbone" or "backbone.backbone".
        name: the value of the option.
    """
    # Import here: the parser must not wait for torch when the arguments are fine.
    from revin_forecast import backbones, normalizers
    from revin_forecast.models.spec import ModuleSpec

    names = {"backbone": backbones.__all__, "normalizer": normalizers.__all__}
    option = next((key for key in names if kind.endswith(key)), None)
    if option is None:
        return f"{name} is not a class of that kind."
    other = "normalizer" if option == "backbone" else "backbone"
    if name in names[other]:
        return f"{name} is not a {option} but a {other}; pass --{other} {name}."
    if "." not in name:
        return (
            f"{name} is not a {option} of revin_forecast.{did_you_mean(name, names[option])} Name "
            "your own class as module.Class."
        )
    try:
        ModuleSpec(name).import_class()
    except InputError as error:
        return str(error)
    return f"{name} is not a {option}, or a class or function that takes sizes and returns one."


def list_class_options(name: str) -> list[str]:
    """Return the parameters of a class except its sizes; an empty list if it can't be imported."""
    from revin_forecast.models.spec import ModuleSpec

    path = name if "." in name else f"revin_forecast.{name}"
    try:
        parameters = inspect.signature(ModuleSpec(path).import_class()).parameters
    except (InputError, ValueError):
        return []
    return [key for key in parameters if key not in ("lookback", "horizon", "channels")]


@dataclass(frozen=True)
class CommandCall:
    """A call of a command, from which messages are made."""

    name: str
    """Name of the command."""
    arguments: Sequence[str]
    """Words of the command line after the name."""
    positional: Sequence[str]
    """Parameters that are passed without a flag."""
    options: Sequence[str]
    """Names of the other parameters, with - between words."""
    class_names: Mapping[str, str]
    """Classes that the user named, by option."""
    subcommands: Sequence[str] = ()
    """Commands whose name begins with this one's."""

    @property
    def config_file(self) -> str:
        """Name of the options file for a message."""
        return find_option_value("config", self.arguments) or "the configuration"

    def explain(self, message: str) -> str:
        """Translate a message of the parser into one or two sentences for the user."""
        text = " ".join(message.split())
        for pattern, translate in _MESSAGE_PATTERNS:
            match = re.search(pattern, text)
            if match:
                return translate(self, *match.groups())
        return text.rstrip(". ") + "."  # a message that no pattern knows, unchanged

    def _missing_options_message(self, names: str) -> str:
        required = [
            name.upper() if name in self.positional else f"--{name.replace('_', '-')}"
            for name in names.split(", ")
        ]
        return f"{self.name} needs {join_words(required, 'and')}."

    def _unknown_argument_message(self, unknown: str) -> str:
        flag = next((word for word in unknown.split() if word.startswith("-")), None)
        if flag is None:
            subcommand = f"{self.name} {unknown.split()[0]}"
            suggestion = did_you_mean(subcommand, self.subcommands)
            if suggestion:
                return f"there is no command {subcommand!r}.{suggestion}"
            accepted = join_words([name.upper() for name in self.positional], "and") or "nothing"
            return (
                f"unexpected argument {unknown!r}: {self.name} takes {accepted} without a flag. "
                "Quote a name with spaces; options start with --."
            )
        option = flag.partition("=")[0].lstrip("-").replace("_", "-")
        return f"there is no option --{option}.{did_you_mean(option, self.options, '--')}"

    def _missing_value_message(self, option: str) -> str:
        return f"--{option.replace('_', '-')} was given without a value; write one after it."

    def _unknown_config_key_message(self, name: str) -> str:
        return f"{self.config_file}: there is no option {name!r}.{did_you_mean(name, self.options)}"

    def _unknown_group_key_message(self, group: str, name: str) -> str:
        return self._unknown_config_key_message(f"{group}.{name}")

    def _invalid_config_message(self, reason: str) -> str:
        return (
            f"{self.config_file} is not a YAML mapping of options, such as `horizon: 24`: "
            f"{reason.rstrip('.')}."
        )

    def _wrong_type_message(self, name: str, expected: str, got: str) -> str:
        suggestion = did_you_mean(got, _literal_choices(expected))
        return (
            f"--{name.replace('_', '-')} expects {_describe_expected(expected)} but got {got}."
            f"{suggestion}"
        )

    def _wrong_class_message(self, name: str, got: str) -> str:
        return f"--{name}: {describe_invalid_class(name, got)}"

    def _wrong_value_message(self, name: str, errors: str, got: str) -> str:
        if "import path string" in errors or "callable class" in errors:
            return self._wrong_class_message(name, got)
        return self._wrong_type_message(name, errors, got)

    def _wrong_class_option_message(self, name: str, errors: str, inner: str) -> str:
        owner = self.class_names.get(name)
        if owner is None:
            return (
                f"--{name}.{inner} is an option of a class but no class was named; name it first, "
                f"as in --{name} Class."
            )
        type_error = re.search(
            r'Parser key "\w+": Expected an? (.*?)\. Got value: (.*?)\. Got', errors
        )
        if type_error:
            return self._wrong_type_message(f"{name}.{inner}", *type_error.groups())
        options = list_class_options(owner)
        listed = f"it has {join_words(options, 'and')}" if options else "it has none"
        return f"{owner} has no option {inner!r}; {listed}.{did_you_mean(inner, options)}"


# jsonargparse reports a value of a union type with the errors of all its members.
_UNION_PATTERN = r'^Parser key "(\S+)".*?: Does not validate .*? Errors: (.*) Given value type: .*'
_MESSAGE_PATTERNS = (
    (r"^the following arguments are required: (.*)$", CommandCall._missing_options_message),
    (r"^[Uu]nrecognized arguments: (.*)$", CommandCall._unknown_argument_message),
    (r"^argument --(\S+): expected (?:at least )?one argument", CommandCall._missing_value_message),
    (r"^Option '(.*)' is not accepted$", CommandCall._unknown_config_key_message),
    (r"^Group '(.*)' does not accept option '(.*)'", CommandCall._unknown_group_key_message),
    (r"^Problems parsing config: (.*)$", CommandCall._invalid_config_message),
    (r"^Unexpected config: (.*)$", CommandCall._invalid_config_message),
    (
        _UNION_PATTERN + r"Given value: NestedArg\(key='(\w+)'",
        CommandCall._wrong_class_option_message,
    ),
    (_UNION_PATTERN + r"Given value: (.*)$", CommandCall._wrong_value_message),
    (
        r'^Parser key "(\S+)".*?: Expected a dot import path string: (.*)$',
        CommandCall._wrong_class_message,
    ),
    (
        r'^Parser key "(\S+)".*?: Expected an? (.*?)\. Got value: (.*)$',
        CommandCall._wrong_type_message,
    ),
)
"""Patterns of the parser's messages and their translations; the first match is used."""


def find_option_value(option: str, arguments: Sequence[str]) -> str | None:
    """Return the value of an option, written as `--option value` or `--option=value`."""
    for index, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == f"--{option}":
            return value if equals else next(iter(arguments[index + 1 : index + 2]), None)
    return None


def check_config_file(arguments: Sequence[str]) -> None:
    """Check that the options file exists and is text.

    Raises:
        InputError: the file is missing, is a folder or is not text.
    """
    path = find_option_value("config", arguments)
    if path is None:
        return
    if Path(path).is_dir():
        raise InputError(f"{path} is a folder; --config expects a YAML file of options.")
    try:
        Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text; --config expects a YAML file of options.") from error
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}; --config expects a YAML file.") from error
    except OSError as error:
        raise InputError(f"{path} can't be read: {error.strerror}.") from error


def _describe_expected(text: str) -> str:
    """Return the expected choices and types that a parser message names, as prose."""
    types = [words for name, words in TYPE_NAMES.items() if name in text]
    choices = _literal_choices(text)
    return join_words([*choices, *types], "or") or text


def _literal_choices(text: str) -> list[str]:
    """Return the values of each Literal[...] in a parser message."""
    return [
        word
        for literal in re.findall(r"Literal\[(.*?)\](?=\W|$)", text)
        for word in re.findall(r"'(.*?)'", literal)
    ]
