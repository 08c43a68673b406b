"""What is wrong with a command's words, told without the parser's machinery."""

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from revin_forecast.errors import InputError, did_you_mean


def join_words(words: Sequence[str], last: str) -> str:
    """Return words as people list them: a, b and c."""
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def describe_invalid_class(kind: str, name: str) -> str:
    """Say why a name can't be taken for an option's class, and what can.

    Args:
        kind: the option, such as "backbone" or "backbone.backbone".
        name: what was given.
    """
    from revin_forecast import backbones, normalizers
    from revin_forecast.models.spec import ModuleSpec

    names = {"backbone": backbones.__all__, "normalizer": normalizers.__all__}
    own = next((known for known in names if kind.endswith(known)), None)
    if own is None:
        return f"{name} is no class of that kind."
    other = "normalizer" if own == "backbone" else "backbone"
    if name in names[other]:
        return f"{name} is no {own} but a {other}; pass --{other} {name}."
    if "." not in name:
        return (
            f"{name} is no {own} of revin_forecast.{did_you_mean(name, names[own])} Name your own as "
            "module.Class."
        )
    try:
        ModuleSpec(name).import_class()
    except InputError as error:
        return str(error)
    return f"{name} is no {own}, which is a class or function that takes sizes and makes one."


def list_class_options(name: str) -> list[str]:
    """Return the options that a class has beside its sizes; none where it can't be imported."""
    from revin_forecast.models.spec import ModuleSpec

    path = name if "." in name else f"revin_forecast.{name}"
    try:
        given = inspect.signature(ModuleSpec(path).import_class()).parameters
    except (InputError, ValueError):
        return []
    return [one for one in given if one not in ("lookback", "horizon", "channels")]


TYPE_NAMES = {
    "<class 'int'>": "a whole number",
    "<class 'float'>": "a number",
    "<class 'bool'>": "true or false",
    "<class 'str'>": "text",
    "<class 'pathlib.Path'>": "a path",
}
"""What the parser calls them, and people."""


@dataclass(frozen=True)
class CommandCall:
    """A command as it was called.

    Attributes:
        name: of the command.
        words: its command line.
        positional: the parameters that stand without a flag.
        options: names of the others, with - between words.
        classes: what was named for the options that take a class.
        further: commands that begin with its name.
    """

    name: str
    arguments: Sequence[str]
    positional: Sequence[str]
    options: Sequence[str]
    class_names: Mapping[str, str]
    subcommands: Sequence[str] = ()

    @property
    def config_file(self) -> str:
        """The file of options, if one was given."""
        return find_option_value("config", self.arguments) or "the configuration"

    def explain(self, message: str) -> str:
        """Say what is wrong in one sentence or two, from what the parser says."""
        text = " ".join(message.split())
        for pattern, tell in _MESSAGE_PATTERNS:
            found = re.search(pattern, text)
            if found:
                return tell(self, *found.groups())
        return text.rstrip(". ") + "."

    def _missing_options_message(self, names: str) -> str:
        needed = [
            name.upper() if name in self.positional else f"--{name.replace('_', '-')}"
            for name in names.split(", ")
        ]
        return f"{self.name} needs {join_words(needed, 'and')}."

    def _unknown_argument_message(self, rest: str) -> str:
        word = next((word for word in rest.split() if word.startswith("-")), None)
        if word is None:
            further = did_you_mean(f"{self.name} {rest.split()[0]}", self.subcommands)
            if further:
                return f"there is no command '{self.name} {rest.split()[0]}'.{further}"
            takes = join_words([name.upper() for name in self.positional], "and") or "nothing"
            return (
                f"{rest!r} is too much: {self.name} takes {takes} without a flag. A name with "
                "spaces goes in quotes; options start with --."
            )
        option = word.partition("=")[0].lstrip("-").replace("_", "-")
        return f"there is no option --{option}.{did_you_mean(option, self.options, '--')}"

    def _missing_value_message(self, option: str) -> str:
        return f"--{option.replace('_', '-')} was given without a value; write one after it."

    def _unknown_config_key_message(self, name: str) -> str:
        return f"{self.config_file}: there is no option {name!r}.{did_you_mean(name, self.options)}"

    def _unknown_group_key_message(self, group: str, name: str) -> str:
        return self._unknown_config_key_message(f"{group}.{name}")

    def _invalid_config_message(self, reason: str) -> str:
        return f"{self.config_file} is no YAML of options, such as `horizon: 24`: {reason.rstrip('.')}."

    def _wrong_type_message(self, name: str, wanted: str, got: str) -> str:
        return f"--{name.replace('_', '-')} wants {_describe_expected(wanted)} but got {got}.{_suggest_choice(got, wanted)}"

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
                f"--{name}.{inner} belongs to a class but none was named; name it first, as in "
                f"--{name} Class."
            )
        wrong = re.search(r'Parser key "\w+": Expected an? (.*?)\. Got value: (.*?)\. Got', errors)
        if wrong:
            return self._wrong_type_message(f"{name}.{inner}", *wrong.groups())
        known = list_class_options(owner)
        has = f"it has {join_words(known, 'and')}" if known else "it has none"
        return f"{owner} has no option {inner!r}; {has}.{did_you_mean(inner, known)}"


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
"""Of the parser's messages, and what tells of them; the first one that fits."""


def find_option_value(option: str, arguments: Sequence[str]) -> str | None:
    """Return what was written after an option, or after it and an equals sign."""
    for place, word in enumerate(arguments):
        name, equals, value = word.partition("=")
        if name == f"--{option}":
            return value if equals else next(iter(arguments[place + 1 : place + 2]), None)
    return None


def check_config_file(arguments: Sequence[str]) -> None:
    """Look for the file of options.

    Raises:
        InputError: it is not there, or no text.
    """
    given = find_option_value("config", arguments)
    if given is None:
        return
    if Path(given).is_dir():
        raise InputError(f"{given} is a folder; --config wants a YAML file of options.")
    try:
        Path(given).read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{given} is no text; --config wants a YAML file of options.") from error
    except FileNotFoundError as error:
        raise InputError(f"there is no file {given}; --config wants a YAML file.") from error
    except OSError as error:
        raise InputError(f"{given} can't be read: {error.strerror}.") from error


def _describe_expected(text: str) -> str:
    """Return what is wanted in words, from all the kinds that the parser names."""
    named = [words for kind, words in TYPE_NAMES.items() if kind in text]
    choices = _literal_choices(text)
    return join_words([*choices, *named], "or") or text


def _literal_choices(text: str) -> list[str]:
    return [
        word
        for literal in re.findall(r"Literal\[(.*?)\](?=\W|$)", text)
        for word in re.findall(r"'(.*?)'", literal)
    ]


def _suggest_choice(got: str, wanted: str) -> str:
    return did_you_mean(got, _literal_choices(wanted))
