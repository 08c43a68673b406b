"""Reading of files and standard input: formats, damage, encodings."""

import gzip
import io
import os
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from revin_forecast.data.reading.files import source, streams
from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import (
    GOOD,
    get_read_error,
)


class TestSource:
    def test_no_permission(self, write_file, monkeypatch):
        def deny_access(*_):
            raise PermissionError(13, "Permission denied")

        path = write_file(GOOD)
        monkeypatch.setattr(Path, "open", deny_access)
        assert "sales.csv can't be read (no permission). Ask its owner" in get_read_error(path)

    @pytest.mark.parametrize("name", ["a\0b.csv", "x" * 300 + ".csv"])
    def test_invalid_file_names(self, name):
        assert "can't be read" in get_read_error(name)

    def test_a_file_that_grows_while_it_is_read(self, write_file, monkeypatch):
        path, fstat, calls = write_file(GOOD), os.fstat, []

        def append_then_stat(number):
            if calls:
                with path.open("a") as more:
                    more.write("2024-01-13,13\n")
            calls.append(number)
            return fstat(number)

        monkeypatch.setattr(source.os, "fstat", append_then_stat)
        assert "sales.csv was written to while it was read. Try again when it is" in get_read_error(
            path
        )
        assert len(calls) == 2

    def test_all_passes_see_the_same_bytes(self, write_file, monkeypatch):
        """The line of a bad cell is found in the parsed bytes, even if the file has changed."""
        path, read = write_file(GOOD.replace(",5\n", ",five\n")), source._read_bytes

        def read_then_replace(*names):
            data = read(*names)
            path.write_text("nothing\n")
            return data

        monkeypatch.setattr(source, "_read_bytes", read_then_replace)
        assert "line 7, column 'x': 'five'" in get_read_error(path)

    @pytest.mark.parametrize("kind", ["csv", "gzip", "parquet"])
    @pytest.mark.parametrize("damaged", [False, True])
    def test_standard_input(self, monkeypatch, kind, damaged):
        text = GOOD.replace(",5\n", ",five\n") if damaged else GOOD
        data = text.encode()
        if kind == "gzip":
            data = gzip.compress(data)
        elif kind == "parquet":
            frame, out = pd.read_csv(io.StringIO(text)), io.BytesIO()
            frame.to_parquet(out)
            data = out.getvalue()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        if damaged:
            position = "row 6" if kind == "parquet" else "line 7"
            assert (
                f"standard input, {position}, column 'x': 'five' is not a number"
                in get_read_error("-")
            )
        else:
            assert read_series("-").values[:, 0].tolist() == list(range(12))

    def test_content_takes_precedence_over_the_suffix(self, write_file, tmp_path):
        pd.read_csv(io.StringIO(GOOD)).to_parquet(tmp_path / "t.parquet")
        for data, name in [
            ((tmp_path / "t.parquet").read_bytes(), "parquet.csv"),
            (gzip.compress(GOOD.encode()), "packed.csv"),
            (GOOD.encode(), "unpacked.csv.gz"),
        ]:
            assert len(read_series(write_file(data, name))) == 12

    def test_a_pipe_needs_no_suffix(self, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_text, args=[GOOD])
        writer.start()
        assert len(read_series(pipe)) == 12
        writer.join()

    def test_damaged_archives(self, write_file, tmp_path):
        packed = gzip.compress(GOOD.encode())
        assert "t.csv.gz can't be decompressed" in get_read_error(
            write_file(packed[:-9], "t.csv.gz")
        )
        assert "damaged or not complete" in get_read_error(
            write_file(packed[:-6] + b"abcdef", "t.csv.gz")
        )
        pd.read_csv(io.StringIO(GOOD)).to_parquet(tmp_path / "t.parquet")
        cut = (tmp_path / "t.parquet").read_bytes()[:-40]
        assert "cut.parquet is not a readable Parquet file: " in get_read_error(
            write_file(cut, "cut.parquet")
        )

    def test_no_header(self, write_file):
        message = get_read_error(write_file(GOOD.partition("\n")[2]))
        assert (
            "sales.csv, line 1 should name the columns but begins with data ('2024-01-01')"
            in message
        )


class TestLargeContent:
    """Content without an end, or too large for the memory, is rejected early."""

    def test_devices(self):
        for name in ("/dev/zero", "/dev/urandom"):
            message = get_read_error(name)
            assert message.startswith(f"{name} is a device, which may have no end, not a table.")
        assert "/dev/null is empty" in get_read_error("/dev/null")

    def test_endless_standard_input(self, monkeypatch):
        with Path("/dev/zero").open() as device:
            monkeypatch.setattr(sys, "stdin", device)
            assert "standard input is a device" in get_read_error("-")

    def test_an_endless_pipe_of_binary_data(self, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=[bytes(2**12)])
        writer.start()
        assert "is binary data of an unknown format, not a table" in get_read_error(pipe)
        writer.join()

    def test_a_pipe_may_be_compressed(self, tmp_path):
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=[gzip.compress(GOOD.encode())])
        writer.start()
        assert len(read_series(pipe)) == 12
        writer.join()

    @pytest.mark.parametrize("content", [bytes(2**20), b"0,0,0\n" * 2**18], ids=["zeros", "rows"])
    def test_a_small_file_that_grows_without_bounds(self, write_file, monkeypatch, content):
        monkeypatch.setattr(streams, "MAX_DENSE_BYTES", 2**20)
        monkeypatch.setattr(streams, "BLOCK_BYTES", 2**16)
        path = write_file(gzip.compress(content), "bomb.csv.gz")
        reason = "MB and grows to more than" if content[0] else "is binary data of an unknown"
        message = get_read_error(path)
        assert "bomb.csv.gz" in message
        assert reason in message

    def test_a_dense_table_is_decompressed_in_blocks(self, write_file, monkeypatch):
        monkeypatch.setattr(streams, "MAX_DENSE_BYTES", 2**10)
        monkeypatch.setattr(streams, "BLOCK_BYTES", 16)
        members = gzip.compress(GOOD[:40].encode()) + gzip.compress(GOOD[40:].encode())
        assert len(read_series(write_file(members, "t.csv.gz"))) == 12

    def test_an_allocation_that_fails(self, write_file, monkeypatch):
        def fail(*_):
            raise MemoryError

        monkeypatch.setattr(source, "_read_bytes", fail)
        message = get_read_error(write_file(GOOD))
        assert "sales.csv does not fit into the memory. Save it as Parquet" in message

    def test_more_than_the_memory(self, write_file, monkeypatch):
        monkeypatch.setattr(streams, "memory_bytes", lambda: 100)
        path = write_file(GOOD)
        assert "sales.csv has more than 5e-08 GB of text, half of the memory" in get_read_error(
            path
        )
        path = write_file(gzip.compress(GOOD.encode() * 2**10), "t.csv.gz")
        monkeypatch.setattr(streams, "MAX_DENSE_BYTES", 2**8)
        monkeypatch.setattr(streams, "memory_bytes", lambda: 2**12)
        assert "t.csv.gz, decompressed, has more than" in get_read_error(path)
        frame = pd.read_csv(io.StringIO(GOOD))
        frame.to_parquet(path.with_name("t.parquet"))
        monkeypatch.setattr(streams, "memory_bytes", lambda: 100)
        assert len(read_series(path.with_name("t.parquet"))) == 12
