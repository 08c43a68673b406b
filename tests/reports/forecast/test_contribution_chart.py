"""Charts and section of the contributions to a forecast."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from revin_forecast import Forecaster, Ridge
from revin_forecast.forecasting.describe_contributions import split_parts
from revin_forecast.reports.forecast.contribution_chart import (
    HIDDEN_SHARE,
    build_contribution_figures,
    contribution_figure,
)
from tests.support.forecast_pages import HOSTILE, make_table


@pytest.fixture(scope="module")
def parts():
    return Forecaster(5, 28, Ridge).fit(make_table()).explain(steps=[1, 5])


def test_bars_are_the_contributions(parts):
    panels = [rows for (name, _), rows in split_parts(parts) if name == "north"]
    figure = contribution_figure(panels)
    own = parts[(parts.series == "north") & (parts.source == "lag")]
    for step, axis in ((1, "x"), (5, "x2")):
        bars = [bar for bar in figure.data if bar.xaxis == axis]
        drawn = pd.concat([pd.Series(bar.y, pd.DatetimeIndex(bar.x)) for bar in bars])
        expected = own[own.step == step].set_index("lag_time").contribution
        np.testing.assert_allclose(drawn, expected[drawn.index], rtol=1e-3)
        hidden = expected.drop(drawn.index).abs().sum()
        assert hidden <= HIDDEN_SHARE * expected.abs().sum()
    assert [note.text[:14] for note in figure.layout.annotations] == [
        "north, step 1:",
        "north, step 5:",
    ]
    names = [bar.name for bar in figure.data if bar.showlegend]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("count", [2, 6])
def test_titles_do_not_cover_the_ticks_of_the_panel_above(parts, count):
    (panel, *_) = [rows for _, rows in split_parts(parts)]
    figure = contribution_figure([panel] * count)
    ends = sorted(
        figure.layout[f"yaxis{number or ''}"].domain for number in (0, *range(2, count + 1))
    )
    margin = figure.layout.margin
    pixels = figure.layout.height - margin.t - margin.b
    gaps = [(above[0] - below[1]) * pixels for below, above in pairwise(ends)]
    assert min(gaps) >= 40  # tick labels of one panel and the title of the next


def test_a_series_that_was_not_explained_has_an_empty_chart(parts):
    figures = build_contribution_figures(parts, 4)
    assert len(figures) == 4
    assert "were not computed" in figures[-1].layout.annotations[0].text
    assert len(build_contribution_figures(parts, 3)) == 3


def test_names_are_text(parts):
    (rows,) = [rows for (name, step), rows in split_parts(parts) if name == HOSTILE and step == 1]
    assert "<img" not in contribution_figure([rows]).layout.annotations[0].text
