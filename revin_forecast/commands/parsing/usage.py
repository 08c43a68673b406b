"""What is wrong with a command's words, told without the parser's machinery."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from revin_forecast.commands.parsing.naming import listed, parameters_of, why_no_class
from revin_forecast.errors import InputError, nearest

KINDS = {
    "<class 'int'>": "a whole number",
    "<class 'float'>": "a number",
    "<class 'bool'>": "true or false",
    "<class 'str'>": "text",
    "<class 'pathlib.Path'>": "a path",
}
"""What the parser calls them, and people."""


@dataclass(frozen=True)
class Usage:
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
    words: Sequence[str]
    positional: Sequence[str]
    options: Sequence[str]
    classes: Mapping[str, str]
    further: Sequence[str] = ()

    @property
    def config(self) -> str:
        """The file of options, if one was given."""
        return value_of("config", self.words) or "the configuration"

    def told(self, message: str) -> str:
        """Say what is wrong in one sentence or two, from what the parser says."""
        text = " ".join(message.split())
        for pattern, tell in _PATTERNS:
            found = re.search(pattern, text)
            if found:
                return tell(self, *found.groups())
        return text.rstrip(". ") + "."

    def _required(self, names: str) -> str:
        needed = [
            name.upper() if name in self.positional else f"--{name.replace('_', '-')}"
            for name in names.split(", ")
        ]
        return f"{self.name} needs {listed(needed, 'and')}."

    def _unknown(self, rest: str) -> str:
        word = next((word for word in rest.split() if word.startswith("-")), None)
        if word is None:
            further = nearest(f"{self.name} {rest.split()[0]}", self.further)
            if further:
                return f"there is no command '{self.name} {rest.split()[0]}'.{further}"
            takes = listed([name.upper() for name in self.positional], "and") or "nothing"
            return (
                f"{rest!r} is too much: {self.name} takes {takes} without a flag. A name with "
                "spaces goes in quotes; options start with --."
            )
        option = word.partition("=")[0].lstrip("-").replace("_", "-")
        return f"there is no option --{option}.{nearest(option, self.options, '--')}"

    def _no_value(self, option: str) -> str:
        return f"--{option.replace('_', '-')} was given without a value; write one after it."

    def _of_config(self, name: str) -> str:
        return f"{self.config}: there is no option {name!r}.{nearest(name, self.options)}"

    def _of_group(self, group: str, name: str) -> str:
        return self._of_config(f"{group}.{name}")

    def _no_config(self, reason: str) -> str:
        return f"{self.config} is no YAML of options, such as `horizon: 24`: {reason.rstrip('.')}."

    def _kind(self, name: str, wanted: str, got: str) -> str:
        return (
            f"--{name.replace('_', '-')} wants {_kinds(wanted)} but got {got}.{_near(got, wanted)}"
        )

    def _class(self, name: str, got: str) -> str:
        return f"--{name}: {why_no_class(name, got)}"

    def _union(self, name: str, errors: str, got: str) -> str:
        if "import path string" in errors or "callable class" in errors:
            return self._class(name, got)
        return self._kind(name, errors, got)

    def _in_class(self, name: str, errors: str, inner: str) -> str:
        owner = self.classes.get(name)
        if owner is None:
            return (
                f"--{name}.{inner} belongs to a class but none was named; name it first, as in "
                f"--{name} Class."
            )
        wrong = re.search(r'Parser key "\w+": Expected an? (.*?)\. Got value: (.*?)\. Got', errors)
        if wrong:
            return self._kind(f"{name}.{inner}", *wrong.groups())
        known = parameters_of(owner)
        has = f"it has {listed(known, 'and')}" if known else "it has none"
        return f"{owner} has no option {inner!r}; {has}.{nearest(inner, known)}"


_UNION = r'^Parser key "(\S+)".*?: Does not validate .*? Errors: (.*) Given value type: .*'
_PATTERNS = (
    (r"^the following arguments are required: (.*)$", Usage._required),
    (r"^[Uu]nrecognized arguments: (.*)$", Usage._unknown),
    (r"^argument --(\S+): expected (?:at least )?one argument", Usage._no_value),
    (r"^Option '(.*)' is not accepted$", Usage._of_config),
    (r"^Group '(.*)' does not accept option '(.*)'", Usage._of_group),
    (r"^Problems parsing config: (.*)$", Usage._no_config),
    (r"^Unexpected config: (.*)$", Usage._no_config),
    (_UNION + r"Given value: NestedArg\(key='(\w+)'", Usage._in_class),
    (_UNION + r"Given value: (.*)$", Usage._union),
    (r'^Parser key "(\S+)".*?: Expected a dot import path string: (.*)$', Usage._class),
    (r'^Parser key "(\S+)".*?: Expected an? (.*?)\. Got value: (.*)$', Usage._kind),
)
"""Of the parser's messages, and what tells of them; the first one that fits."""


def value_of(option: str, words: Sequence[str]) -> str | None:
    """Return what was written after an option, or after it and an equals sign."""
    for place, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == f"--{option}":
            return value if equals else next(iter(words[place + 1 : place + 2]), None)
    return None


def check_config(words: Sequence[str]) -> None:
    """Look for the file of options.

    Raises:
        InputError: it is not there, or no text.
    """
    given = value_of("config", words)
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


def _kinds(text: str) -> str:
    """Return what is wanted in words, from all the kinds that the parser names."""
    named = [words for kind, words in KINDS.items() if kind in text]
    choices = _choices(text)
    return listed([*choices, *named], "or") or text


def _choices(text: str) -> list[str]:
    return [
        word
        for literal in re.findall(r"Literal\[(.*?)\](?=\W|$)", text)
        for word in re.findall(r"'(.*?)'", literal)
    ]


def _near(got: str, wanted: str) -> str:
    return nearest(got, _choices(wanted))
