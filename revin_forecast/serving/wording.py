"""What the reader of tables says, which names files and options, in words for a client."""

import re

TABLE_FILE_NAME = "table.csv"
"""What the reader calls what was sent."""
CLI_ONLY_OPTIONS = re.compile(
    r"(?<![^\s(])--(frequency|id|inputs|memory-map|missing|target|time|value)(?![\w-])"
)
"""Options that a request does not have: they are those that the model was fitted with."""


def to_client_message(message: str) -> str:
    """Leave out files and options that who asked does not have; name the others as in an address.

    >>> worded("table.csv, line 3: there is no value. Fill it in, or pass --missing observed.")
    'line 3: there is no value. Fill it in.'
    >>> worded("'1,234' may be 1.234 or 1234. Say which with --decimal , or --decimal .")
    "'1,234' may be 1.234 or 1234. Say which with decimal=, or decimal=."
    """
    message = " ".join(message.split()).replace(f"{TABLE_FILE_NAME}, ", "").replace(TABLE_FILE_NAME, "the table")
    message = re.sub(r"(?<!\S)--decimal ([,.])", r"decimal=\1", message)
    message = re.sub(r"(?<!\S)--(decimal|level)(?![\w-])", r"\1", message)
    first, *others = re.split(r"(?<=[.?!]) (?=[A-Z])", message)
    return " ".join(filter(None, [_drop_cli_only_advice(first) or first, *map(_drop_cli_only_advice, others)]))


def _drop_cli_only_advice(sentence: str) -> str:
    """Return the ways out of a sentence that take no absent option; empty: there is none."""
    ways = re.split(r"(?=, or |; )", sentence)
    kept = [way for way in ways if not CLI_ONLY_OPTIONS.search(way)]
    if kept == ways or not kept:
        return "".join(kept)
    text = "".join(kept).removeprefix(", or ").removeprefix("; ")
    text = text if kept[0] == ways[0] else text[0].upper() + text[1:]
    return text if text.endswith(".") else f"{text}."
