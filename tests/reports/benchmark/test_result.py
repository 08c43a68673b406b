"""The sentences of result, made from the numbers, and honest where little was measured."""

import numpy as np
import pandas as pd
import pytest

from revin_forecast.reports.benchmark.input_tables import fill_tables
from revin_forecast.reports.benchmark.result import (
    Change,
    choose_normalizer,
    describe_changes,
    describe_result,
    describe_scope,
)

KEYS = ("against_twin", "twin_lo", "twin_hi")


def set_ratios(tables, column, ratios, keys=KEYS):
    """Return tables in which RevIN has the given ratios, with bounds, on the backbones."""
    headline = tables["headline"].copy()
    for backbone, values in ratios.items():
        rows = (headline["column"] == column) & (headline["normalizer"] == "RevIN")
        rows &= headline["backbone"] == backbone
        headline.loc[rows, list(keys)] = np.log(values)
    return {**tables, "headline": headline}


def test_winners_are_the_first_ranks_with_their_errors(tables):
    winners = describe_result(tables)[0].text
    headline = tables["headline"]
    for column, place in (("steady", "under a steady shift"), ("transition", "soon after a shift")):
        best = headline[(headline["column"] == column) & (headline["rank"] == 1)].iloc[0]
        error = f"{best.mase:#.3g} [{best.lo:#.3g}, {best.hi:#.3g}]"
        assert f"to {best.normalizer} on {best.backbone} {place}, {error}" in winners
    assert "clean" not in winners


def test_winners_that_are_not_clearly_ahead_are_called_so(tables):
    headline = tables["headline"].assign(regret_lo=0.01)
    assert "not clearly ahead" not in describe_result({**tables, "headline": headline})[0].text
    second = (headline["column"] == "steady") & (headline["rank"] == 2)
    headline.loc[second, "regret_lo"] = -0.01
    winners = describe_result({**tables, "headline": headline})[0].text
    assert winners.count("(not clearly ahead of 1 other)") == 1
    headline["skilled"] = False
    winners = describe_result({**tables, "headline": headline})[0].text
    assert "to no model with skill over a constant forecast under a steady shift" in winners


def test_gain_has_the_range_over_backbones_with_intervals(tables):
    tables = set_ratios(tables, "clean", {"Ridge": (0.89, 0.85, 0.9), "MLP": (0.95, 0.91, 0.99)})
    assert describe_result(tables)[2].text == (
        "On clean data RevIN lowers the error by 5 % [1, 9] (MLP) to 11 % [10, 15] (Ridge), "
        "compared with no normalizer."
    )


def test_cost_separates_the_shift_from_the_clean_gain(tables):
    effects = {"Ridge": (1.14, 1.13, 1.17), "MLP": (1.1, 1.06, 1.15)}
    keys = ("shift_effect", "shift_effect_lo", "shift_effect_hi")
    tables = set_ratios(tables, "observation", effects, keys)
    totals = {"Ridge": (1.0, 0.97, 1.04), "MLP": (1.05, 1.01, 1.09)}
    assert describe_result(set_ratios(tables, "observation", totals))[1].text == (
        "When only the observation is wrong, following it with RevIN raises the error by 10 % "
        "[6, 15] (MLP) to 14 % [13, 17] (Ridge); gain on clean data included, RevIN changes the "
        "error by 0 % [-3, +4] (Ridge) to +5 % [+1, +9] (MLP), clearly more for 1 of 2 models, "
        "compared with no normalizer."
    )


def test_a_difference_within_chance_is_called_unclear():
    changes = [Change("Ridge", 0.98, 0.9, 1.05), Change("MLP", 1.001, 0.95, 1.05)]
    assert describe_changes(changes) == (
        "makes no clear difference to the error: -2 % [-10, +5] (Ridge) to +0.1 % [-5, +5] (MLP)"
    )
    without_interval = [Change("Ridge", 0.9, np.nan, np.nan)]
    assert describe_changes(without_interval) == (
        "makes no clear difference to the error: -10 % (Ridge)"
    )


def test_little_measured_is_said(tables):
    assert "So few data sets say little about others." in describe_scope(tables)
    headline = tables["headline"].assign(n_datasets=8)
    tests = pd.DataFrame({"p_holm": [0.3, 0.04, np.nan, 0.9]})
    scope = describe_scope({**tables, "headline": headline, "tests": tests})
    assert "1 of 4 comparisons of normalizers are significant" in scope
    scope = describe_scope({**tables, "headline": headline, "tests": tests[::3]})
    assert "nothing is significant (smallest p 0.30 after Holm's correction)" in scope


@pytest.mark.parametrize("normalizer", ["RevIN", "Identity"])
def test_one_model_is_not_compared(tables, normalizer):
    headline = tables["headline"]
    headline = headline[(headline["normalizer"] == normalizer) & (headline["backbone"] == "MLP")]
    headline = headline.assign(against_twin=np.nan)
    texts = [finding.text for finding in describe_result({**tables, "headline": headline})]
    assert texts[0] == "Fewer than two models were measured, so there is no comparison."
    assert all("is unknown: no model was also measured without" in text for text in texts[1:])


def test_empty_tables_have_sentences():
    empty = fill_tables({})
    assert len({finding.text for finding in describe_result(empty)}) == 3
    assert describe_scope(empty) == ""
    assert choose_normalizer(empty) == ""


def test_the_best_normalizer_speaks_where_revin_is_absent(tables):
    headline = tables["headline"]
    others = headline[headline["normalizer"] != "RevIN"]
    steady = others[(others["column"] == "steady") & others["against_twin"].notna()]
    steady = steady[steady["normalizer"] != "Identity"].sort_values("rank")
    best = steady["normalizer"].iloc[0]
    assert choose_normalizer({**tables, "headline": others}) == best
    assert f"On clean data {best} " in describe_result({**tables, "headline": others})[2].text
