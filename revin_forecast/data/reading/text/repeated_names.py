"""`leave_out_repeated_names`: lines within a table that repeat the names of its columns."""

import re
from dataclasses import replace

from revin_forecast.data.formatting import pluralize
from revin_forecast.data.reading.text.delimited import DelimitedText


def leave_out_repeated_names(text: DelimitedText) -> DelimitedText:
    """Return a text without the lines that repeat its header, with a note on them.

    Files that were joined have such lines. Each makes all columns text, so that only a table of
    text needs this.

    Args:
        text: the text, which begins with its header.
    """
    data = text.data.lstrip(b"\r\n")
    header = re.split(rb"\r\n|\r|\n", data, maxsplit=1)[0].rstrip()
    # Names over several lines, or a single name, are not a certain sign.
    if text.separator.encode() not in header or header.count(b'"') % 2:
        return text
    start = len(text.data) - len(data) + len(header)
    repeated = re.compile(rb"(?<=[\r\n])" + re.escape(header) + rb"[ \t]*(?=[\r\n]|\Z)")
    found = list(repeated.finditer(text.data, start))
    if not found:
        return text
    before = text.data[: found[0].start()]
    line = text.first_line + len(re.findall(rb"\r\n|\r|\n", before))
    more = "" if len(found) == 1 else f", and {pluralize(len(found) - 1, 'more such line')}"
    note = f"{text.name}, line {line}: the repeated names of the columns were left out{more}"
    # Empty lines, so that the others keep their numbers.
    rest = text.data[:start] + repeated.sub(b"", text.data[start:])
    return replace(text, data=rest, notes=(*text.notes, note))
