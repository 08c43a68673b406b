"""Reading of Parquet and Arrow (Feather) files."""

import io

import pandas as pd
import pyarrow as pa

from revin_forecast.data.reading.files.file_table import FileTable
from revin_forecast.data.reading.files.source import FileContent
from revin_forecast.errors import InputError


def read_parquet(content: FileContent) -> FileTable:
    """Read a Parquet file, with the index that pandas may have written.

    Raises:
        InputError: the file is damaged.
    """
    try:
        return FileTable(pd.read_parquet(io.BytesIO(content.data)), content.name)
    except MemoryError:
        raise
    except Exception as error:  # damaged metadata of pandas can raise anything
        raise _build_unreadable_error(content.name, "Parquet", error) from error


def read_arrow(content: FileContent) -> FileTable:
    """Read an Arrow file (Feather) or a stream of Arrow record batches.

    Raises:
        InputError: the file is damaged.
    """
    buffer = pa.py_buffer(content.data)
    try:
        is_file = content.data.startswith(b"ARROW1")
        reader = pa.ipc.open_file(buffer) if is_file else pa.ipc.open_stream(buffer)
        # The types are those of the file; the index of pandas is restored from its metadata.
        return FileTable(reader.read_all().to_pandas(date_as_object=False), content.name)
    except MemoryError:
        raise
    except Exception as error:  # damaged metadata of pandas can raise anything
        raise _build_unreadable_error(content.name, "Arrow", error) from error


def first_error_line(error: Exception) -> str:
    """Return the first line of an error's text, or the name of its class."""
    return (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(".")


def _build_unreadable_error(name: str, kind: str, error: Exception) -> InputError:
    return InputError(
        f"{name} is not a readable {kind} file: {first_error_line(error)}. Save it again."
    )
