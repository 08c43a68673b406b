"""User-facing errors: `InputError` prints one line; anything else is a bug."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class InputError(ValueError):
    """Unusable input of the user: a file, a column or an option.

    The message is one line in the user's terms: the value received, the value expected and the fix.
    The command line prints it without a traceback and exits with code 2. Any other exception is a
    bug: it prints a traceback and exits with code 1.
    """


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
