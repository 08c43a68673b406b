"""Reading of files and standard input: formats, damage, encodings."""

import gzip
import io
import os
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from revin_forecast.data.reading import source
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


class TestEncodings:
    NAMED = GOOD.replace("x", "Größe in °C")

    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
    def test_decodes_unambiguous_text(self, write_file, encoding):
        series = read_series(write_file(self.NAMED, encoding=encoding))
        assert series.names == ("Größe in °C",)
        assert series.format.time == "date"
        message = get_read_error(write_file(self.NAMED.replace(",5\n", ",5a\n"), encoding=encoding))
        assert (
            "line 7, column 'Größe in °C': '5a' is not a number. Write it without the unit"
            in message
        )

    @pytest.mark.parametrize(
        ("name", "encoding"),
        [
            ("время", "cp1251"),
            ("prix à", "cp1252"),
            ("€", "cp1252"),
            ("ł", "cp1250"),
            ("売上", "cp932"),
        ],
    )
    def test_rejects_ambiguous_text(self, write_file, name, encoding):
        message = get_read_error(write_file(GOOD.replace("x", name), encoding=encoding))
        assert "sales.csv, line 1 is not UTF-8 text (byte 0x" in message
        assert "Save it as CSV UTF-8" in message

    def test_damage(self, write_file):
        assert "line 1 contains a zero byte" in get_read_error(
            write_file(GOOD, encoding="utf-16-le")
        )
        assert "marked as UTF-16-LE but is not" in get_read_error(
            write_file(GOOD.encode("utf-16") + b"\x00")
        )
