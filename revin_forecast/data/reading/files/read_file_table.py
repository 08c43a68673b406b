"""`read_file_table`: the table in a file that is not delimited text."""

from collections.abc import Callable, Mapping

from revin_forecast.data.reading.files.arrow_file import read_arrow, read_parquet
from revin_forecast.data.reading.files.file_kinds import FileKind
from revin_forecast.data.reading.files.file_table import FileTable
from revin_forecast.data.reading.files.json_records import read_json
from revin_forecast.data.reading.files.source import FileContent
from revin_forecast.data.table_format import TableFormat
from revin_forecast.errors import InputError


def read_file_table(content: FileContent, given: TableFormat) -> FileTable:
    """Read the table of a file, whose format has been recognized.

    Args:
        content: content of the file.
        given: the known part of the format; only Excel sheets have lines above the names.

    Raises:
        InputError: the file is damaged or has no table, or an option does not apply to it.
    """
    if given.encoding is not None:
        _reject_option(content, "--encoding")
    if content.kind == "Excel":
        from revin_forecast.data.reading.files.excel import read_excel

        return read_excel(content, given.header)
    if given.header is not None:
        _reject_option(content, "--skip-rows")
    return READERS[content.kind](content)


def _read_sqlite(content: FileContent) -> FileTable:
    from revin_forecast.data.reading.files.sqlite import read_sqlite  # the driver is rarely needed

    return read_sqlite(content)


def _reject_option(content: FileContent, option: str) -> None:
    raise InputError(
        f"{option} is for text such as CSV, and {content.name} is {content.kind}. Leave it out."
    )


READERS: Mapping[FileKind, Callable[[FileContent], FileTable]] = {
    "Parquet": read_parquet,
    "Arrow": read_arrow,
    "JSON": read_json,
    "SQLite": _read_sqlite,
}
