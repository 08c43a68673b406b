"""`TypedParser`: jsonargparse with messages in the user's terms."""

import argparse
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, NoReturn, Union, get_args, get_origin

from jsonargparse import ArgumentParser

from revin_forecast.errors import InputError, did_you_mean, join_words

TYPE_NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    Path: "a path",
}
"""Types of options and their names for users."""
WRONG_VALUE = r'Parser key "(?P<key>[\w.]+)".*(?:Got|Given) value: ?(?P<value>.*)$'
UNKNOWN_WORDS = r"[Uu]nrecognized arguments: (?P<words>.*)$"
"""The two messages of jsonargparse whose parts are not available otherwise."""


class TypedParser(ArgumentParser):
    """A parser of typed options that raises an `InputError` for everything that can't be used.

    Args:
        annotations: types of the options by key, for messages.
        prefix: text before a key in messages, such as "--" or "--backbone.".
        explain_unknown: returns the message for words that belong to no option.
    """

    def __init__(
        self,
        annotations: Mapping[str, Any],
        prefix: str = "--",
        explain_unknown: Callable[[list[str]], str] | None = None,
    ):
        super().__init__(exit_on_error=False, add_help=False, allow_abbrev=False, print_config=None)
        self.annotations = annotations
        self.prefix = prefix
        self.explain_unknown = explain_unknown

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Raise an `InputError` for a message of jsonargparse."""
        text = " ".join(message.split())
        if isinstance(ex, argparse.ArgumentError) and ex.argument_name is not None:
            flag = ex.argument_name.replace("_", "-")
            raise InputError(f"{flag} was given without a value; write one after it.") from ex
        if match := re.match(WRONG_VALUE, text):
            key = match["key"]
            expected = self.annotations.get(key, str)
            raise InputError(
                format_wrong_value(f"{self.prefix}{key}", expected, match["value"])
            ) from ex
        match = re.match(UNKNOWN_WORDS, text)
        if match and self.explain_unknown:
            raise InputError(self.explain_unknown(match["words"].split())) from ex
        raise InputError(f"{text.rstrip('. ')}.") from ex


def format_wrong_value(option: str, annotation: Any, value: object) -> str:
    """Return the message for a value of the wrong type.

    >>> format_wrong_value("--to", Literal["onnx", "csv"], "onx")
    '--to expects onnx or csv but got onx. Did you mean onnx?'
    """
    expected = _list_expected(annotation)
    choices = [word for word in expected if word not in TYPE_NAMES.values()]
    got = str(value) or "nothing"
    # Options of the command line have dashes; keys of a file are written as they are there.
    shown = option.replace("_", "-") if option.startswith("--") else option
    return (
        f"{shown} expects {join_words(expected, 'or')} but got {got}."
        f"{did_you_mean(str(value), choices)}"
    )


def _list_expected(annotation: Any) -> list[str]:
    """Return the choices and the names of the types that an option accepts."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _list_expected(arguments[0])
    if origin is Literal:
        return [str(choice) for choice in arguments]
    if origin in (Union, UnionType):
        expected = [word for member in arguments for word in _list_expected(member)]
        return list(dict.fromkeys(expected))
    if annotation in TYPE_NAMES:
        return [TYPE_NAMES[annotation]]
    if annotation in (None, type(None), Any):
        return []
    kind = origin or annotation
    if isinstance(kind, type) and issubclass(kind, Sequence):
        return ["a list in brackets ([A, B])"]
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return ["a mapping in braces ({NAME: VALUE})"]
    return [f"a {getattr(annotation, '__name__', annotation)}"]
