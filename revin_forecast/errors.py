"""What can't be used is told in words; a bug is not."""

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Something the user handed over can't be used: a file, a column, an option.

    The message is one line in the user's words: what was got, what was wanted, what to do.
    The command line prints it without a traceback and exits with code 2; anything else that
    escapes is a bug and exits with 1.
    """


def format_install_command(extra: str) -> str:
    """Return the command that installs what is optional, in a checkout of the project.

    >>> install_line("export")
    'pip install -c constraints.txt ".[export]"'
    """
    return f'pip install -c constraints.txt ".[{extra}]"'


def did_you_mean(name: str, known: Iterable[str], prefix: str = "") -> str:
    """Ask whether something else of a like name was meant; nothing where there is none.

    >>> nearest("slaes", ["sales", "price"])
    ' Did you mean sales?'
    """
    by_case = {one.lower(): one for one in known}
    close = get_close_matches(name.lower(), by_case, n=1)
    return f" Did you mean {prefix}{by_case[close[0]]}?" if close else ""
