"""User-facing errors: `InputError` prints one line; anything else is a bug."""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches

COMMAND_LINE = re.compile(r"(`[^`]*`|revin-forecast .*?(?=[.;)](?:\s|$)|$))")
"""A command line in a message: it stays as it is written, for callers in Python too."""
FLAG = re.compile(r"(?<![\w-])--([a-z][a-z_.-]*[a-z]|[a-z])(?![\w-])")
"""An option of the command line in a message."""
VALUE = re.compile(r"\s+('[^']*'|\[[^\]]*\]|[,.](?=\s|$)|[^\s,;.:()]+(?:[.,:][^\s,;.:()]+)*)")
"""A word after an option, which is its value unless it belongs to the sentence."""
SENTENCE_WORDS = """
a after also an and are as at before belongs but by can can't counts does exclude excludes
expected expects for from goes has if in instead into is it keeps may measures must names
need needs no not of on once one only or out over reads says so subtracts takes than that
the them then these this those to too turns under until was were when where which while
will with without would
"""
"""Words after an option that continue the sentence; a test checks that these suffice."""
LIST_OPTIONS = frozenset({"covariates", "inputs", "level", "levels", "season", "target"})
"""Options that take several values, so Python takes a list."""
LISTS_OR_TEXTS = frozenset({"id", "time"})
"""Options for which Python takes one text or a list of several."""
PLACEHOLDERS = frozenset({"FILE", "FOLDER", "NAME", "NUMBER"})
PYTHON_NAMES = {"data_dir": "folder"}
"""Names in Python of options that have another name there."""
CONSTANTS = {"true": "True", "false": "False"}

FLAGS_VARIABLE = "REVIN_FORECAST_FLAGS"
"""Environment variable that is set while the command line is running, whose users write options as
flags; worker processes inherit it."""


class InputError(ValueError):
    """Unusable input of the user: a file, a column or an option.

    The message is one line in the user's terms: the value received, the value expected and the fix.
    The command line prints it without a traceback and exits with code 2. Any other exception is a
    bug: it prints a traceback and exits with code 1.

    A message names options as flags (--missing interpolate). `str` writes them as Python does
    (missing='interpolate'), except while the command line is running.
    """

    @property
    def message(self) -> str:
        """The message as it was written, with flags; for messages that contain this one."""
        return super().__str__()

    def __str__(self) -> str:
        return spell_options(self.message)


@contextmanager
def naming_flags() -> Iterator[None]:
    """Name options as flags in messages, for as long as the command line is running."""
    before = os.environ.get(FLAGS_VARIABLE)
    os.environ[FLAGS_VARIABLE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[FLAGS_VARIABLE]


def spell_options(message: str) -> str:
    """Return a message with options as flags for the command line, as arguments for Python."""
    if "--" not in message or FLAGS_VARIABLE in os.environ:
        return message
    return to_python_spelling(message)


def to_python_spelling(message: str) -> str:
    """Return a message with options written as keyword arguments.

    >>> to_python_spelling("Fill it in, or pass --missing interpolate or --level 80 95.")
    "Fill it in, or pass missing='interpolate' or level=[80, 95]."
    >>> to_python_spelling("--backbone Ridge --normalizer Robust is slower; see --time and --id.")
    'backbone=Ridge, normalizer=Robust is slower; see `time` and `id`.'
    >>> to_python_spelling("Write one with: revin-forecast inspect TABLE --out f.yaml.")
    'Write one with: revin-forecast inspect TABLE --out f.yaml.'
    """
    # The parts at odd positions are the command lines.
    parts = COMMAND_LINE.split(message)
    return "".join(
        part if index % 2 else _translate_flags(part) for index, part in enumerate(parts)
    )


def _translate_flags(text: str) -> str:
    # A table that is read into memory takes another function, not another argument.
    text = text.replace("pass --memory-map never", "read it with read_series")
    text = text.replace("--memory-map never", "read_series")
    translated, position = "", 0
    for flag in FLAG.finditer(text):
        between = text[position : flag.start()]
        # Options in a row: --backbone Ridge --normalizer Robust.
        is_in_row = position > 0 and not between.strip()
        translated += ", " if is_in_row else between
        name = flag[1].rpartition(".")[2].replace("-", "_")
        name = PYTHON_NAMES.get(name, name)
        values, position = _find_values(name, text, flag.end())
        translated += (
            f"{name}={_format_values(name, values, text[position:])}" if values else f"`{name}`"
        )
    return translated + text[position:]


def _find_values(name: str, text: str, position: int) -> tuple[list[str], int]:
    """Return the values of an option that is named in a text, and the end of the last one."""
    values: list[str] = []
    while found := VALUE.match(text, position):
        word = found[1]
        is_mark = word in (",", ".")
        is_value = name == "decimal" if is_mark else not word.startswith("--")
        if (
            not is_value
            or word in SENTENCE_WORDS.split()
            or (values and name not in LIST_OPTIONS | LISTS_OR_TEXTS)
        ):
            break
        values.append(word)
        position = found.end()
    return values, position


def _format_values(name: str, values: Sequence[str], rest: str) -> str:
    """Return the values of an option as Python writes them."""
    if name in ("backbone", "normalizer"):
        return values[0].rpartition(".")[2]
    if name == "engine":
        return f"make_engine({values[0]!r})"
    written = [_format_value(value, rest) for value in values]
    is_list = len(values) > 1 or (name in LIST_OPTIONS and not written[0].startswith("["))
    return f"[{', '.join(written)}]" if is_list else written[0]


def _format_value(value: str, rest: str) -> str:
    if value[0] == "'":
        # A list in quotes, for the shell: '[0.1,0.5,0.9]'.
        return re.sub(r",(?=\S)", ", ", value[1:-1]) if value[1:2] == "[" else value
    if value in PLACEHOLDERS:
        return value if f"where {value}" in rest else "..."
    is_number = re.fullmatch(r"-?\d+(\.\d+)?", value) is not None
    return CONSTANTS.get(value, value if is_number else repr(value))


def format_install_command(extra: str) -> str:
    """Return the command that installs an optional extra in a checkout of the project.

    >>> format_install_command("export")
    'pip install -c constraints.txt ".[export]"'
    """
    return f'pip install -c constraints.txt ".[{extra}]"'


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Return a question that suggests the known name closest to `name`, or an empty string.

    >>> did_you_mean("slaes", ["sales", "price"])
    ' Did you mean sales?'
    """
    # Compare without case, which users often get wrong in class names.
    original_case = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(name.lower(), original_case, n=1)
    return f" Did you mean {prefix}{original_case[matches[0]]}?" if matches else ""


def join_words(words: Sequence[str], last: str) -> str:
    """Join words to a list in prose.

    >>> join_words(["a", "b", "c"], "and")
    'a, b and c'
    """
    return f" {last} ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
