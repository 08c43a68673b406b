"""The measurements of known inputs run, and their committed results keep their bounds."""

from tests.support.evidence_pages import committed_rows, repeat_page


def test_holidays_lower_the_error_where_they_matter(data_dir, tmp_path):
    repeated = repeat_page("known_inputs", tmp_path, data_dir=data_dir)
    for rows in (repeated, committed_rows("known_inputs")):
        right = {(row["data"], row["step"]): row for row in rows if row["holidays"] == "right"}
        bikes = right["bike_sharing", "D"]
        assert bikes["kept"] == "3 of 3"
        assert bikes["near %"] < -3
        assert bikes["change %"] < -1
        for row in rows:
            # Holidays of another country do no harm.
            assert row["holidays"] == "right" or row["change %"] < 0.5, row


def test_a_dense_backbone_learns_from_the_weather_ahead(data_dir, tmp_path):
    repeated = repeat_page("learned_inputs", tmp_path, data_dir=data_dir)
    committed = committed_rows("learned_inputs")
    keys = [(row["inputs"], row["backbone"]) for row in committed]
    assert [(row["inputs"], row["backbone"]) for row in repeated] == keys
    change = {key: row["change %"] for key, row in zip(keys, committed, strict=True)}
    assert change["holidays, weather", "TiDE"] < -20
    assert change["holidays, weather", "TimeXer"] > -5  # the page warns of it
