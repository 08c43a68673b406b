"""The section on the contributions of past values and known inputs to the forecast."""

from markupsafe import Markup

from revin_forecast.forecasting.contribution_rows import CONSTANT, INPUTS, LAG_GROUPS, NOT_LINEAR
from revin_forecast.forecasting.describe_contributions import (
    Rows,
    find_shown_resolution,
    format_shown,
    split_parts,
    sum_forecast,
    sum_groups,
)
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.templates import render_template


def render_contributions(content: ReportContent) -> Markup:
    """Return the chart of the lags, and their sums by age for each series and step."""
    parts = content.contributions
    if isinstance(parts, str):
        reason = f"The forecast is not divided among past values. {parts}"
        return render_template("missing.html.jinja", text=reason)
    every = split_parts(parts)
    sums = [sum_groups(rows) for _, rows in every]
    groups = [
        name
        for name in (*LAG_GROUPS, INPUTS, NOT_LINEAR, CONSTANT)
        if any(name in part for part in sums)
    ]
    level = next(row["group"] for row in every[0][1] if row["source"] == "level")
    series = {name for (name, _), _ in every}
    return render_template(
        "forecast/sections/contributions.html.jinja",
        headings=[level.removeprefix("level: "), *groups, "forecast"],
        rows=[
            (name, step, _format_sums(rows, part, groups))
            for ((name, step), rows), part in zip(every, sums, strict=True)
        ],
        series_count=len(series),
        missing_count=len(content.series.targets) - len(series),
        has_members=NOT_LINEAR in groups,
        has_inputs=INPUTS in groups,
        has_constant=CONSTANT in groups,
    )


def _format_sums(rows: Rows, sums: dict[str, float], groups: list[str]) -> list[str]:
    """Return the level, the sum of each group, and the forecast."""
    resolution = find_shown_resolution(rows)
    level = sum(row["contribution"] for row in rows if row["source"] == "level")
    changes = [
        format_shown(sums[group], resolution, "+") if group in sums else "-" for group in groups
    ]
    return [format_shown(level, resolution), *changes, format_shown(sum_forecast(rows), resolution)]
