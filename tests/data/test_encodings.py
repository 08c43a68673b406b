"""Encodings of text tables: certain ones are read, and the others are named in the message."""

import pytest

from revin_forecast.cli.main import main
from revin_forecast.data.reading.read_series import read_series
from tests.support.small_tables import GOOD, get_read_error, make_table

NAMED = GOOD.replace("x", "Größe in °C")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_decodes_unambiguous_text(write_file, encoding):
    series = read_series(write_file(NAMED, encoding=encoding))
    assert series.names == ("Größe in °C",)
    assert series.format.time == "date"
    assert series.notes == ()
    message = get_read_error(write_file(NAMED.replace(",5\n", ",5a\n"), encoding=encoding))
    assert (
        "line 7, column 'Größe in °C': '5a' is not a number. Write it without the unit" in message
    )


@pytest.mark.parametrize(
    ("names", "encoding"),
    [
        ("日付,売上", "cp932"),
        ("日付,データ", "euc_jp"),
        ("日期,销售额", "gb18030"),
        ("日期,銷售量", "cp950"),
        ("날짜,판매량", "cp949"),
        ("Дата,Продажи", "cp1251"),
        ("дата,сумма", "koi8_r"),
        ("ДАТА,ЦЕНА", "cp866"),
        ("date,€", "cp1252"),
        ("date,Verbrauch (m³)", "cp1252"),
    ],
)
def test_reads_usual_words_of_a_language(write_file, names, encoding):
    series = read_series(write_file(GOOD.replace("date,x", names), encoding=encoding))
    assert (series.format.time, *series.names) == tuple(names.split(","))
    assert series.format.encoding == encoding
    (note,) = series.notes
    assert note.endswith(f"sales.csv, line 1: the text is not UTF-8 and was read as {encoding}")


def test_signs_among_numbers(write_file):
    cells = [f"1\u00a0{100 + day}" for day in range(12)]
    series = read_series(write_file(make_table(cells), encoding="cp1252"))
    assert series.values[:2, 0].tolist() == [1100, 1101]
    assert "sales.csv, line 2: the text is not UTF-8 and was read as cp1252" in series.notes[0]


@pytest.mark.parametrize(
    ("name", "encoding"),
    [
        ("prix à", "cp1252"),
        ("ł", "cp1250"),
        ("値", "cp932"),
        ("Τιμή", "cp1253"),
        ("зяблик", "cp1251"),
        ("名古屋", "cp932"),
    ],
)
def test_rejects_ambiguous_text_and_names_the_option(write_file, name, encoding):
    path = write_file(GOOD.replace("x", name), encoding=encoding)
    message = get_read_error(path)
    assert "sales.csv, line 1 is not UTF-8 text (byte 0x" in message
    assert "Save it as CSV UTF-8, or pass encoding='" in message
    series = read_series(path, encoding=encoding)
    assert series.names == (name,)
    assert series.notes == ()


def test_two_encodings_in_a_file_are_not_guessed(write_file):
    text = GOOD.replace("date,x", "日付,売上").encode("cp932") + "2024-01-13,é\n".encode("cp1252")
    assert "is not UTF-8 text" in get_read_error(write_file(text))


def test_an_option_that_is_wrong(write_file, capsys):
    path = write_file(NAMED, encoding="cp1252")
    assert main(["inspect", str(path), "--encoding", "utf-8"]) == 2
    assert "--encoding or its format says utf-8 but is not that" in capsys.readouterr().err
    assert main(["inspect", str(path), "--encoding", "cp1252"]) == 0
    assert main(["inspect", str(path), "--encoding", "utf-88"]) == 2
    assert "--encoding is 'utf-88'" in capsys.readouterr().err


def test_damage(write_file):
    message = get_read_error(write_file(GOOD, encoding="utf-16-le"))
    assert "line 1 contains a zero byte" in message
    assert len(read_series(write_file(GOOD, encoding="utf-16-le"), encoding="utf-16-le")) == 12
    assert "marked as UTF-16-LE but is not" in get_read_error(
        write_file(GOOD.encode("utf-16") + b"\x00")
    )


def test_a_copyright_sign(write_file):
    path = write_file(GOOD.replace("x", "März") + "© Amt 2024\n", encoding="cp1252")
    series = read_series(path)
    assert series.names == ("März",)
    assert "was read as cp1252" in series.notes[0]


def test_zero_bytes_in_other_text(write_file):
    for text in (GOOD.replace("2024-01-05", "2024-01-05\0"), GOOD + "\0" * 4096):
        message = get_read_error(write_file(text))
        assert message.endswith(
            "the file is damaged, or is not text. Save it again, or delete the zero bytes."
        )


@pytest.mark.parametrize("style", ["£{}", "£ {}", "-£{}", "{}£"])
def test_a_pound_next_to_a_number_is_one(tmp_path, style):
    path = tmp_path / "pounds.csv"
    rows = "".join(f"2024-01-{day:02d};{style.format(day)}\n" for day in range(1, 10))
    path.write_bytes(f"date;price\n{rows}".encode("cp1252"))
    series = read_series(path)
    sign = -1 if style.startswith("-") else 1
    assert series.values[:, 0].tolist() == [sign * day for day in range(1, 10)]
    assert any("was read as cp1252" in note for note in series.notes)
