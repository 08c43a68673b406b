"""Arrow files, JSON records and SQLite databases."""

import gzip
import io
import json
import sqlite3
import sys
from contextlib import closing

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pytest
from pyarrow import feather

from revin_forecast.cli.main import main
from revin_forecast.cli.validation import fingerprint_file
from revin_forecast.data.reading.files import sqlite
from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import DAYS, GOOD, get_read_error, make_long_frame

STAMPS = pd.DatetimeIndex(DAYS)
RECORDS = [{"date": day, "x": value} for value, day in enumerate(DAYS)]


def make_indexed_frame(name=None):
    return pd.DataFrame({"x": range(12)}, index=STAMPS.rename(name))


class TestIndices:
    """Pandas stores its index in the metadata of Parquet and Arrow files."""

    @pytest.mark.parametrize("kind", ["parquet", "feather", "stream"])
    @pytest.mark.parametrize("name", [None, "when"])
    def test_times(self, tmp_path, kind, name):
        frame, path = make_indexed_frame(name), tmp_path / f"t.{kind}"
        table = pa.Table.from_pandas(frame)
        if kind == "parquet":
            frame.to_parquet(path)
        elif kind == "feather":
            feather.write_feather(table, path)
        else:
            with pa.ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table)
        series = read_series(path)
        assert (series.names, series.format.time) == (("x",), name or "date")
        assert series.timestamps.tolist() == STAMPS.tolist()

    @pytest.mark.parametrize("names", [["unique_id", "ds"], [None, None]])
    def test_two_levels(self, tmp_path, names):
        frame = make_long_frame(["a"] * 4 + ["b"] * 4, [0, 1, 2, 3] * 2)
        frame.set_index(["unique_id", "ds"]).rename_axis(names).to_parquet(tmp_path / "t.parquet")
        series = read_series(tmp_path / "t.parquet")
        assert series.names == ("a", "b")
        assert len(series) == 4

    def test_row_numbers_are_left_out(self, tmp_path):
        frame = pd.read_csv(io.StringIO(GOOD)).iloc[::2]
        frame.to_parquet(tmp_path / "t.parquet")
        assert read_series(tmp_path / "t.parquet").names == ("x",)

    def test_an_index_that_is_a_column_too(self, tmp_path):
        frame = make_indexed_frame("date").assign(date=STAMPS)
        frame.to_parquet(tmp_path / "t.parquet")
        assert read_series(tmp_path / "t.parquet").names == ("x",)
        message = get_read_error(frame.assign(date=STAMPS[::-1]))
        assert "has more than one column ['date']; rename them" in message


@pytest.mark.parametrize("kind", ["parquet", "feather"])
def test_damaged_metadata_of_pandas(tmp_path, kind):
    table = pa.Table.from_pandas(make_indexed_frame())
    metadata = table.schema.metadata[b"pandas"].replace(b"numpy_type", b"numpy_tyqe")
    table = table.replace_schema_metadata({b"pandas": metadata})
    write = pa.parquet.write_table if kind == "parquet" else feather.write_feather
    write(table, tmp_path / f"t.{kind}")
    assert f"t.{kind} is not a readable " in get_read_error(tmp_path / f"t.{kind}")


def test_damaged_arrow_files(tmp_path):
    feather.write_feather(pa.Table.from_pandas(make_indexed_frame()), tmp_path / "t.feather")
    data = (tmp_path / "t.feather").read_bytes()
    (tmp_path / "t.feather").write_bytes(data[:-40])
    assert "is not a readable Arrow file: " in get_read_error(tmp_path / "t.feather")
    (tmp_path / "t.feather").write_bytes(b"FEA1" + data[4:])
    assert "is a Feather file of version 1" in get_read_error(tmp_path / "t.feather")
    (tmp_path / "t.feather").write_text(GOOD)
    assert "has the name of an Arrow file but does not" in get_read_error(tmp_path / "t.feather")


class TestJson:
    @pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.json", "t.jsonl.gz"])
    def test_lines(self, write_file, name):
        text = "\n\n".join(map(json.dumps, RECORDS))
        data = gzip.compress(text.encode()) if name.endswith("gz") else text.encode()
        series = read_series(write_file(data, name))
        assert (series.names, len(series)) == (("x",), 12)

    @pytest.mark.parametrize("indent", [None, 2])
    def test_an_array(self, write_file, indent):
        series = read_series(write_file(json.dumps(RECORDS, indent=indent), "t.json"))
        assert series.values[:, 0].tolist() == list(range(12))

    def test_absent_keys_and_nulls_are_missing(self, write_file):
        records = [dict(record) for record in RECORDS]
        del records[1]["x"]
        records[3]["x"] = None
        records[5]["late"] = 7
        series = read_series(write_file("\n".join(map(json.dumps, records)), "t.jsonl"))
        assert series.names == ("x", "late")
        assert (~series.observed[:, 0]).nonzero()[0].tolist() == [1, 3]
        assert series.observed[:, 1].sum() == 1

    def test_pandas_writes_them(self, tmp_path):
        frame = make_indexed_frame("date").reset_index()
        frame.to_json(tmp_path / "t.json", orient="records", lines=True, date_format="iso")
        assert read_series(tmp_path / "t.json").frequency == "D"

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (
                '{"date": "2024-01-05", "x": {"a": 1}}',
                "line 5: 'x' is an object, but a table needs",
            ),
            ('{"date": "2024-01-05", "x": [1]}', "line 5: 'x' is an array"),
            ('["2024-01-05", 4]', "line 5 is an array, not an object. Write one object a line"),
            ("2024-01-05,4", "line 5 is not a JSON object on one line (Extra data)"),
            ('{"date": "2024-01-05", "x": 4', "line 5 is not a JSON object on one line"),
            ('{"x": 1, "x": 2}', "line 5: the key 'x' occurs twice"),
            ('{"date": "2024-01-05", "x": "five"}', "line 5, column 'x': 'five' is not a number"),
        ],
    )
    def test_other_lines(self, write_file, line, message):
        lines = list(map(json.dumps, RECORDS))
        lines[4] = line
        assert f"t.jsonl, {message}" in get_read_error(write_file("\n".join(lines), "t.jsonl"))

    def test_other_values(self, write_file):
        columns = json.dumps({"x": dict.fromkeys(DAYS, 1)})
        message = get_read_error(write_file(columns, "t.json"))
        assert "line 1: 'x' is an object" in message
        assert "record 2 is 7, not an object" in get_read_error(
            write_file(json.dumps([RECORDS[0], 7]), "t.json")
        )
        assert "line 1 is not JSON (" in get_read_error(write_file("[{", "t.json"))
        assert "no rows" in get_read_error(write_file("[]", "t.json"))
        assert "line 1 is not UTF-8 text" in get_read_error(
            write_file('{"date": "é"}', "t.json", encoding="latin-1")
        )
        assert "`skip_rows` is for text such as CSV" in get_read_error(
            write_file(columns, "t.json"), skip_rows=1
        )

    def test_a_csv_may_begin_with_a_bracket(self, write_file):
        assert read_series(write_file(GOOD.replace("date,x", "[date],{x}"))).names == ("{x}",)


@pytest.fixture
def database(tmp_path):
    """Return the path of a database with the tables `sales` and `costs` and a view."""
    path = tmp_path / "shop.db"
    with closing(sqlite3.connect(path)) as connection:
        make_indexed_frame("date").to_sql("sales", connection)
        make_indexed_frame("date").rename(columns={"x": "y"}).to_sql("costs", connection)
        connection.execute('CREATE VIEW "double ""sales""" AS SELECT date, 2 * x AS z FROM sales')
        connection.commit()
    return path


class TestSqlite:
    def test_tables_and_views(self, database):
        assert read_series(f"{database}::sales").names == ("x",)
        series = read_series(f'{database}::double "sales"')
        assert series.values[:, 0].tolist() == list(range(0, 24, 2))
        message = get_read_error(database)
        assert "has 3 tables ['costs', 'double \"sales\"', 'sales']. Name one, as in" in message
        assert "has no table 'sale' but" in get_read_error(f"{database}::sale")
        assert "Did you mean sales?" in get_read_error(f"{database}::sale")

    def test_the_only_table(self, database, monkeypatch):
        with closing(sqlite3.connect(database)) as connection:
            connection.execute('DROP VIEW "double ""sales"""')
            connection.execute("DROP TABLE costs")
            connection.commit()
        assert len(read_series(database)) == 12
        packed = database.with_name("packed.db.gz")
        packed.write_bytes(gzip.compress(database.read_bytes()))
        assert len(read_series(packed)) == 12
        data = io.TextIOWrapper(io.BytesIO(database.read_bytes()))
        monkeypatch.setattr(sys, "stdin", data)
        assert len(read_series("-")) == 12

    def test_positions(self, database):
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("UPDATE sales SET x = 'five' WHERE x = 5")
            connection.commit()
        assert "shop.db, table 'sales', row 6, column 'x': 'five' is not" in get_read_error(
            f"{database}::sales"
        )

    def test_nothing_is_written(self, database):
        database.chmod(0o444)
        before = database.read_bytes()
        read_series(f"{database}::sales")
        assert database.read_bytes() == before
        assert [path.name for path in database.parent.iterdir()] == ["shop.db"]

    def test_rows_that_are_in_the_log_only(self, database):
        writer = sqlite3.connect(database)
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        writer.execute("UPDATE sales SET x = 100 WHERE x = 0")
        writer.commit()
        folder = sorted(path.name for path in database.parent.iterdir())
        content = [path.read_bytes() for path in sorted(database.parent.iterdir())][:2]
        assert read_series(f"{database}::sales").values[0, 0] == 100
        assert sorted(path.name for path in database.parent.iterdir()) == folder
        assert [path.read_bytes() for path in sorted(database.parent.iterdir())][:2] == content
        writer.close()
        assert read_series(f"{database}::sales").values[0, 0] == 100

    def test_damage(self, database, write_file):
        data = database.read_bytes()
        message = get_read_error(write_file(data[:5000], "cut.db"))
        assert "cut.db is not a readable SQLite database: " in message
        broken = data.replace(b'CREATE TABLE "costs"', b'CREATE TABLE "c\xeasts"')
        broken = broken.replace(b"costscosts", b"c\xeastsc\xeasts")
        assert broken != data
        assert "broken.db is not a readable SQLite" in get_read_error(
            write_file(broken, "broken.db")
        )
        with closing(sqlite3.connect(database.with_name("empty.db"))) as connection:
            connection.execute("VACUUM")
        assert "has no tables" in get_read_error(database.with_name("empty.db"))

    def test_a_view_without_an_end(self, database, monkeypatch):
        with closing(sqlite3.connect(database)) as connection:
            connection.execute(
                "CREATE VIEW endless AS WITH RECURSIVE counter(n) AS "
                "(SELECT 1 UNION ALL SELECT n + 1 FROM counter) SELECT n FROM counter"
            )
            connection.commit()
        monkeypatch.setattr(sqlite, "BLOCK_ROWS", 10)
        monkeypatch.setattr(sqlite, "memory_bytes", lambda: 10_000)
        assert "table 'endless' has more than 83 rows" in get_read_error(f"{database}::endless")


def test_parts_of_other_files(write_file):
    assert "is a single table: only Excel workbooks and SQLite databases have parts" in (
        get_read_error(f"{write_file(GOOD)}::x")
    )
    assert len(read_series(write_file(GOOD, "a::b.csv"))) == 12


def test_commands_take_a_part(database, capsys):
    part = f"{database}::sales"
    assert main(["inspect", part]) == 0
    assert "12 steps" in capsys.readouterr().out
    assert main(["inspect", f"{database}x::sales"]) == 2
    assert "there is no file" in capsys.readouterr().err
    assert main(["fit", part, "--horizon", "2", "--out", "m", "--memory-map", "always"]) == 2
    assert "is not a Parquet file" in capsys.readouterr().err
    source = fingerprint_file(part)
    assert source["file"] == "shop.db::sales"
    assert len(source["sha256"]) == 64
