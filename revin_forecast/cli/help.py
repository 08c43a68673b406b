"""The help of a command: short on --help, with everything on --help-all."""

import inspect
import re
import shutil
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Any, Literal, get_args, get_origin

from revin_forecast import backbones, normalizers
from revin_forecast.cli.options import Option, find_short_names, split_annotation
from revin_forecast.errors import join_words
from revin_forecast.models.spec import ModuleSpec

MAX_SHORT_LINES = 60
"""A longer help is shortened, unless --help-all asks for everything."""
NAME_WIDTH = 24
"""Columns of an option's name before its text."""
CLAUSE_END = re.compile(r"[;:](?![^()]*\))|\. ")
"""End of the part of a text that the short help shows."""
BASE_CLASS = re.compile(r"(Backbone|Adapter|Normalizer)$")
"""End of names of classes that need code to be used."""
RARE_PARAMETERS = {"value_range": "limits"}
"""Parameters whose options only --help-all shows, and the word for them."""
RARE_FIELDS = (
    *("long_gaps", "resample", "aggregate", "outliers", "decimal", "time_form", "format"),
    *("encoding", "skip_rows"),
)
"""Fields of the reading options that only --help-all shows."""
COMMON_TEXTS = {
    "config": "read options from this YAML file; the command line overrides it",
    "print_config": "print all options as YAML and exit",
    "verbose": "print progress and the messages of libraries on stderr; a terminal shows progress "
    "after two seconds in any case",
    "help": "show a short help and exit",
    "help_all": "show all options and exit",
}


@dataclass(frozen=True)
class HelpRequest:
    """A request for help."""

    everything: bool = False
    """Whether to explain all options in full."""
    option: Option | None = None
    """Option whose class is to be explained; None: the command."""
    class_name: str = ""
    """Name of the class."""


def find_help_request(words: Sequence[str], options: Sequence[Option]) -> HelpRequest | None:
    """Return the request for help among the words of a command; None if there is none."""
    modules = {f"{option.flag}.help": option for option in options if option.is_module}
    for index, word in enumerate(words):
        flag, equals, value = word.partition("=")
        if flag in modules:
            name = value if equals else next(iter(words[index + 1 : index + 2]), "")
            return HelpRequest(option=modules[flag], class_name=name)
        if word in ("-h", "--help"):
            return HelpRequest()
        if word in ("--help-all", "--help_all"):
            return HelpRequest(everything=True)
    return None


def format_requested_help(
    request: HelpRequest,
    usage: str,
    function: Callable[..., Any],
    options: Sequence[Option],
    examples: Sequence[str],
) -> str:
    """Return the help of a command or of a class; see `format_command_help`."""
    if request.option is not None:
        return format_class_help(request.option, request.class_name)
    return format_command_help(usage, function, options, examples, request.everything)


def format_command_help(
    usage: str,
    function: Callable[..., Any],
    options: Sequence[Option],
    examples: Sequence[str],
    everything: bool,
) -> str:
    """Return the help of a command.

    Args:
        usage: the usage line.
        function: function of the command, whose docstring describes it.
        options: options of the command.
        examples: command lines.
        everything: whether to show all options in full, however long the help becomes.
    """
    texts = describe_options(function)
    full = _format_page(usage, function, options, examples, texts)
    if everything or len(full) <= MAX_SHORT_LINES:
        return "\n".join(full)
    shown = [
        option
        for option in options
        if "." not in option.key and option.key != "print_config" and not _find_rare_group(option)
    ]
    short = {key: CLAUSE_END.split(text)[0] for key, text in texts.items()}
    groups = {option.key.partition(".")[0] for option in options if "." in option.key}
    groups |= {group for option in options if (group := _find_rare_group(option))}
    hidden = len(options) - len(shown)
    note = f"--help-all explains these in full and lists {hidden} more, of "
    note += f"{join_words(sorted(groups, reverse=True), 'and')}."
    return "\n".join(_format_page(usage, function, shown, examples, short, note))


def _find_rare_group(option: Option) -> str:
    """Return the word for the options that only --help-all shows; empty for all others."""
    if option.parameter == "reading" and option.key in RARE_FIELDS:
        return "reading"
    return RARE_PARAMETERS.get(option.parameter, "")


def describe_options(function: Callable[..., Any]) -> dict[str, str]:
    """Return the help of the options of a command by key.

    It is the entry in the function's docstring, or else the docstring of the dataclass's field.
    """
    from docstring_parser import parse, parse_from_object

    texts = dict(COMMON_TEXTS)
    own = {item.arg_name: item.description or "" for item in parse(function.__doc__ or "").params}
    for name, parameter in inspect.signature(function).parameters.items():
        annotation, _ = split_annotation(parameter.annotation)
        if is_dataclass(annotation) and annotation is not ModuleSpec:
            for item in parse_from_object(annotation).params:
                texts[item.arg_name] = texts[f"{name}.{item.arg_name}"] = item.description or ""
    return {key: " ".join(text.split()).rstrip(". ") for key, text in (texts | own).items()}


def _format_page(
    usage: str,
    function: Callable[..., Any],
    options: Sequence[Option],
    examples: Sequence[str],
    texts: Mapping[str, str],
    note: str = "",
) -> list[str]:
    width = _page_width()
    in_full = not note
    summary = (inspect.getdoc(function) or "").partition("\n")[0]
    lines = [f"usage: {usage}", "", *textwrap.wrap(summary, width), ""]
    if examples:
        lines += ["examples:", *(f"  {example}" for example in examples), ""]
    groups: dict[str, list[Option]] = {"": []}
    for option in options:
        groups.setdefault(option.key.rpartition(".")[0], []).append(option)
    extra = [Option("help", bool, False), Option("help_all", bool, False)]
    lines.append("options:")
    for option in [*groups.pop(""), *extra]:
        lines += _format_option(option, texts, width, in_full)
    for group, members in groups.items():
        lines += ["", f"{texts.get(group, group)}:"]
        for option in members:
            lines += _format_option(option, texts, width, in_full)
    epilog = note or _format_epilog(options)
    return [*lines, "", *textwrap.wrap(epilog, width)]


def _page_width() -> int:
    return max(40, shutil.get_terminal_size().columns - 2)


def _format_option(
    option: Option, texts: Mapping[str, str], width: int, in_full: bool
) -> Iterator[str]:
    """Yield the lines of an option: its name and values, and its text next to or below them."""
    text = texts.get(option.key, "")
    if text[1:2].islower():  # the docstring of a field begins with a capital letter
        text = text[0].lower() + text[1:]
    if in_full:
        text += _format_choices_and_default(option)
    name = f"  {_format_invocation(option)}"
    indent = " " * NAME_WIDTH
    body = textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent)
    if len(name) < NAME_WIDTH - 1 and body:
        yield f"{name:{NAME_WIDTH}}{body.pop(0)[NAME_WIDTH:]}"
    else:
        yield name
    yield from body


def _format_invocation(option: Option) -> str:
    """Return an option as it is written, such as `--level LEVEL ...`."""
    if option.is_positional:
        return option.key
    kinds = (option.annotation, *get_args(option.annotation))
    literal = next((kind for kind in kinds if get_origin(kind) is Literal), None)
    value = option.key.rpartition(".")[2].upper()
    if option.annotation is bool:
        return option.flag
    if literal is not None and not option.is_module:
        value = f"{{{','.join(map(str, get_args(literal)))}}}"
    elif option.item_type is not None:
        value = f"{value} ..."
    return f"{option.flag} {value}"


def _format_choices_and_default(option: Option) -> str:
    text = ""
    if option.is_module:
        home = backbones if option.key == "backbone" else normalizers
        names = [name for name in home.__all__ if not BASE_CLASS.search(name)]
        text += f". One of {', '.join(sorted(names, key=str.lower))}; or your own class as "
        text += f"module.Class, whose options {option.flag}.help CLASS lists"
    default = option.default
    # None means "chosen by the command" and False "off", which the help text says itself.
    if default is None or default is False or default == ():
        return text
    return f"{text} (default {default.name if isinstance(default, ModuleSpec) else default})"


def _format_epilog(options: Sequence[Option]) -> str:
    epilog = "In option names, - and _ are equivalent."
    switch = next((option.flag for option in options if option.key == "json"), None)
    if switch is not None:
        epilog += f" {switch} is short for {switch} true; {switch} false switches it off."
    short = find_short_names(options)
    if not short:
        return epilog
    name, key = next(iter(short.items()))
    groups = sorted({key.partition(".")[0] for key in short.values()})
    return (
        f"Options of {' and '.join(groups)} can omit the group: --{name.replace('_', '-')} is "
        f"short for --{key.replace('_', '-')}. {epilog}"
    )


def format_class_help(option: Option, name: str) -> str:
    """Return the parameters of a class that an option names, with their meaning and default.

    Raises:
        InputError: not a class that the option accepts.
    """
    from docstring_parser import parse

    from revin_forecast.models.parse_module import ModuleKind, find_class, list_parameters

    kind: ModuleKind = "backbone" if option.key == "backbone" else "normalizer"
    module_class = find_class(kind, name, option.flag)
    document = parse(inspect.getdoc(module_class) or "")
    texts = {item.arg_name: item.description or "" for item in document.params}
    lines = [f"{name}: {document.short_description or ''}", ""]
    for parameter in list_parameters(kind, module_class):
        key = f"{option.key}.{parameter.name}"
        is_required = parameter.default is inspect.Parameter.empty
        own = Option(key, Any, None if is_required else parameter.default)
        described = {key: " ".join(texts.get(parameter.name, "").split()).rstrip(". ")}
        lines += _format_option(own, described, _page_width(), True)
    return "\n".join(lines)
