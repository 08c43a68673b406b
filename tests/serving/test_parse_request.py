"""Bodies of requests, and messages that a client can use."""

import pytest

from revin_forecast.serving.parse_request import to_client_message
from tests.support.service import CSV, JSON

MONTHS = b"".join(b"2024-%02d-01,1,2\n" % month for month in range(1, 13))
WIDE = b",".join(b"c%d" % column for column in range(20_000))
MANY = "the table has more than 10,000 columns; send fewer"
HEAD, TWO = b"day,a,b<i>\n", b"2024-01-01,1,2\n2024-01-02,1,2\n"
BAD = {
    "another rhythm": (HEAD + MONTHS, "step is MS"),
    "too few rows": (HEAD + TWO, "has 2 rows but the forecaster looks back"),
    "other columns": (b"day,x\n2024-01-01,1\n2024-01-02,1\n2024-01-03,1\n", "lacks ['a', 'b<i>']"),
    "no number": (HEAD + TWO + b"2024-01-03,x,2\n", "line 4, column 'a': 'x'"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "line 1 is not UTF-8 text"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(50), "the table is compressed or binary; send plain CSV"),
    "a spreadsheet": (b"PK\x03\x04" + bytes(60), "a spreadsheet"),
    "ragged": (HEAD + b"1\n2024-01-01,1,2,3,4\n", "line 2 has 1 cells but the header has 3"),
    "columns without end": (b"day," + WIDE + b"\n", MANY),
    "columns below a line end": (b'"day\n",' + WIDE + b"\n1\n", MANY),
    "columns on many lines": (b'"\n",'.join([b"day,", *[WIDE[:9000]] * 20]) + b"\n1\n", MANY),
    "columns below a blank line": (b"\n" + WIDE + b"\n1\n", MANY),
    "columns below a separator": (b"sep=,\n" + WIDE + b"\n1\n", MANY),
    "columns in UTF-16": (('"day\n",' + WIDE.decode()).encode("utf-16"), MANY),
    "twice": (b"day,a,a\n" + TWO, "more than one column"),
    "nul": (bytes(1000), "line 1 contains a zero byte"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_tables_are_explained(client, name):
    content, message = BAD[name]
    answer = client.post("/forecast", content=content, headers=CSV)
    assert answer.status_code == 422, answer.text
    detail = answer.json()["detail"]
    assert message in detail
    assert "/tmp" not in detail
    assert "table.csv" not in detail
    assert "--" not in detail
    assert "Traceback" not in detail
    assert "\n" not in detail


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"[1, 2]", "Send an object with data, level and future"),
        (b'{"data": 3}', "data"),
        (b'{"datum": []}', "datum: Extra inputs are not permitted"),
        (b'{"level": [0.8]}', "a level is in percent but got 0.8; pass 80"),
        (b'{"level": [NaN]}', "a level is in percent"),
        (b'{"level": [1,2,3,4,5,6,7,8,9,10,11]}', "level: List should have at most 10 items"),
        (b'{"data": {"day": ["2024-01-01"], "a": []}}', "the columns differ in length"),
        (b'{"data": [{"day": "2024-01-01", "a": 1e400}]}', ""),
        (b'{"future": [{"day": "2024-01-01"}]}', "future is for own columns"),
        (b"[" * 100_000, "Send an object"),
        (b'{"data": {"day": [' + b"9" * 5000 + b"]}}", ""),
        (b"\xff\xfe{", "Invalid JSON"),
        (b'{"data": []}', ""),
        (b'{"data": {}}', ""),
    ],
)
def test_bad_json_is_explained(client, body, message):
    answer = client.post("/forecast", content=body, headers=JSON)
    assert answer.status_code == 422, answer.text
    assert message in answer.json()["detail"]


def test_decimal_commas_can_be_requested(client, newer):
    text = newer.to_csv(index=False, sep=";", decimal=",")
    plain = client.post("/forecast", content=newer.to_csv(index=False), headers=CSV).json()
    assert client.post("/forecast?decimal=,", content=text, headers=CSV).json() == plain
    refused = client.post("/forecast?decimal=.", content=text, headers=CSV)
    assert refused.status_code == 422


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            HEAD + TWO + b"2024-01-03,x,2\n",
            "line 4, column 'a': 'x' is not a number. Correct it, leave it empty if it was not "
            "measured.",
        ),
        (
            HEAD + TWO + b"2024-01-02,1,3\n",
            "line 4: 2024-01-02 00:00:00 occurs a second time (duplicate timestamp); the "
            "first is line 3 and has other values. Keep one row for each time.",
        ),
        (
            b"a,b<i>\n1,2\n1,2\n",
            "the table has no column 'day' among ['a', 'b<i>'].",
        ),
        (
            HEAD + TWO + b'2024-01-03,"1,234",2\n2024-01-04,"2.345",2\n',
            "line 4, column 'a': '1,234' may be 1.234 or 1234. Choose the decimal mark with "
            "decimal=, or decimal=.",
        ),
        (
            HEAD + TWO + b"soon,1,2\n",
            "line 4, column 'day': 'soon' is not a date or time like those above it. Write it as "
            "2024-12-31 or 2024-12-31 23:00, or delete the row.",
        ),
    ],
)
def test_advice_names_only_what_a_client_can_do(client, content, message):
    assert client.post("/forecast", content=content, headers=CSV).json() == {"detail": message}


def test_text_of_a_cell_that_looks_like_an_option_stays():
    for message in (
        "a column is called '--time', or so. Rename it.",
        "the new table lacks ['a --targets']. Pass a table with the same columns.",
    ):
        assert to_client_message(message) == message
    assert to_client_message("x.\nPass --frequency (h, D), or more rows.") == "x. More rows."
    assert (
        to_client_message("x; see --time, --id and --value. Did you mean y?")
        == "x. Did you mean y?"
    )
    assert (
        to_client_message("--level goes up to 98. Leave --level out.")
        == "level goes up to 98. Leave level out."
    )
