"""The styles of normalizers and reference models."""

from revin_forecast.reports.benchmark.style import assign_styles


def test_styles_do_not_depend_on_other_names():
    styles = assign_styles(["RevIN", "Mine"], ["Repeat"])
    other_styles = assign_styles(["Identity", "RevIN", "SAN", "Other"], [])
    assert styles["RevIN"] == other_styles["RevIN"]
    many_styles = assign_styles([f"n{i}" for i in range(40)], [])
    assert len(set(many_styles.values())) == len(many_styles)
