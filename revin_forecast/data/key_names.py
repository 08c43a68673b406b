"""Names of series that several columns of a long table name together."""

import re
from collections.abc import Sequence

SEPARATOR = "/"
"""Character between the parts of a name."""
ESCAPE = "\\"
"""Character before a separator or an escape that belongs to a part."""


def join_key(parts: Sequence[str]) -> str:
    r"""Return the name of a series from its cell in each key column.

    A single part is the name itself. Distinct lists of parts have distinct names.

    >>> join_key(["S1", "apples"]), join_key(["S1/2"]), join_key(["S1/2", "apples"])
    ('S1/apples', 'S1/2', 'S1\\/2/apples')
    """
    if len(parts) == 1:
        return parts[0]
    return SEPARATOR.join(re.sub(r"([\\/])", r"\\\1", part) for part in parts)


def split_key(name: str, count: int) -> tuple[str, ...]:
    r"""Return the cell of a series in each of its key columns, the inverse of `join_key`.

    Raises:
        ValueError: the name has another number of parts.

    >>> split_key("S1\\/2/apples", 2)
    ('S1/2', 'apples')
    """
    if count == 1:
        return (name,)
    parts = re.findall(r"(?:\\.|[^\\/])+", name, re.DOTALL)
    if len(parts) != count:
        raise ValueError(f"the series {name!r} has {len(parts)} parts for {count} key columns")
    return tuple(re.sub(r"\\(.)", r"\1", part, flags=re.DOTALL) for part in parts)
