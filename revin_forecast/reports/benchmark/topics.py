"""The folded topics of the page: each states its result in one line and opens to its parts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from revin_forecast.reports.benchmark import topic_results
from revin_forecast.reports.benchmark.figure_html import render_figure
from revin_forecast.reports.benchmark.input_tables import Tables
from revin_forecast.reports.benchmark.plots.plot import Plot
from revin_forecast.reports.benchmark.tables.breakdowns import (
    render_breakdowns,
    render_fills,
    render_intervals,
    render_online,
)
from revin_forecast.reports.benchmark.tables.context import (
    render_checks,
    render_failures,
    render_provenance,
    render_shift_cards,
)
from revin_forecast.reports.benchmark.tables.details import (
    render_curve_areas,
    render_detail_tables,
    render_recovery_ages,
    render_tests,
)
from revin_forecast.reports.benchmark.tables.scores import render_shift_tables, render_twins


@dataclass(frozen=True)
class Part:
    """A table or a figure of a topic."""

    key: str
    """Its anchor in the page."""
    title: str
    html: Markup


@dataclass(frozen=True)
class Topic:
    """A topic of the page, closed until the reader opens it."""

    key: str
    title: str
    result: str
    """The result in one line, shown while the topic is closed."""
    parts: list[Part]
    is_printed: bool = False
    """Whether printing opens it."""


def list_topics(tables: Tables, facts: Mapping[str, Any], plots: Mapping[str, Plot]) -> list[Topic]:
    """Return the topics in page order, without those that have no content.

    Args:
        tables: every table with every column, as returned by `fill_tables`.
        facts: as for `write_benchmark_report`.
        plots: plots by their key.
    """
    names = _TITLES

    def part(key: str, render: Callable[[Tables], Markup]) -> Part:
        return Part(key, names[key], render(tables))

    def figure(key: str) -> Part:
        plot = plots[key]
        return Part(key.lower(), f"Figure {key}. {plot.title}", render_figure(plot))

    provenance = Part("table-6", "Data, versions and settings", render_provenance(tables, facts))
    contents: list[tuple[str, str, Callable[[Tables], str], list[Part], bool]] = [
        (
            "twins",
            "With and without a normalizer",
            topic_results.describe_twins,
            [part("table-2", render_twins), figure("P8")],
            True,
        ),
        (
            "shifts",
            "By kind of shift",
            topic_results.describe_shifts,
            [figure("P3"), part("table-3", render_shift_tables)],
            True,
        ),
        (
            "severity",
            "By size of the shift",
            topic_results.describe_severity,
            [figure("P1a"), figure("P1b"), figure("P9"), part("areas", render_curve_areas)],
            False,
        ),
        (
            "recovery",
            "Recovery after a shift",
            topic_results.describe_recovery,
            [figure("P2"), part("ages", render_recovery_ages)],
            False,
        ),
        (
            "datasets",
            "By data set and channel",
            topic_results.describe_datasets,
            [part("table-10", render_breakdowns), figure("P8b"), part("tests", render_tests)],
            False,
        ),
        (
            "cards",
            "The shift that the data already have",
            topic_results.describe_cards,
            [part("table-1", render_shift_cards), figure("P5"), figure("P6")],
            False,
        ),
        (
            "intervals",
            "Prediction intervals",
            topic_results.describe_intervals,
            [part("table-8", render_intervals)],
            False,
        ),
        ("gaps", "Gaps", topic_results.describe_fills, [part("table-7", render_fills)], False),
        (
            "online",
            "Models that go on to learn",
            topic_results.describe_online,
            [part("table-9", render_online)],
            False,
        ),
        (
            "examples",
            "Example forecasts",
            topic_results.describe_examples,
            [figure("P7")],
            False,
        ),
        ("cost", "Time", topic_results.describe_cost, [figure("P10")], False),
        (
            "further",
            "Further measures",
            topic_results.describe_statistics,
            [figure("P4"), part("table-11", render_detail_tables)],
            False,
        ),
        (
            "theory",
            "Checks of the theory",
            topic_results.describe_checks,
            [part("table-4", render_checks)],
            False,
        ),
        (
            "failures",
            "Failures and exclusions",
            topic_results.describe_failures_in_short,
            [part("table-5", render_failures)],
            False,
        ),
        (
            "provenance",
            "Origin of these numbers",
            lambda _: "Machine, versions, data, time and configuration of this run.",
            [provenance],
            True,
        ),
    ]
    topics = [
        Topic(key, title, describe(tables), [p for p in parts if p.html.strip()], is_printed)
        for key, title, describe, parts, is_printed in contents
    ]
    return [topic for topic in topics if topic.parts]


_TITLES = {
    "table-1": "Shift cards",
    "table-2": "Ratios to the twin",
    "table-3": "Gain by shift",
    "table-4": "Predictions and measurements",
    "table-5": "What is missing",
    "table-7": "Each model's own fill",
    "table-8": "Coverage and width",
    "table-9": "Against the frozen model",
    "table-10": "Errors by data set and channel",
    "table-11": "Regret, equivariance and worst cases",
    "areas": "Area under the curves",
    "ages": "Recovery ages",
    "tests": "Tests over data sets",
}
