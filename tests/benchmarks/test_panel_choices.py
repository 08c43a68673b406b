"""Variants of the rules run on a small panel, and choices leave whole families out."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks.accuracy import panel_choices
from benchmarks.accuracy.panel_choices import VariantScores, build_rows, describe_result
from benchmarks.accuracy.panel_scores import SeriesScores
from benchmarks.accuracy.panel_tasks import PanelTask
from benchmarks.accuracy.panel_variants import SHIPPED, VARIANTS, forecast_variants
from benchmarks.pages.figures import draw_figure
from revin_forecast.selection import local_models, member_weights
from revin_forecast.selection.select_local import select_local
from tests.support.evidence_pages import read_committed, repeat_page

SERIES = (
    ("trips", "tourism", "QS", 4, 4, 40),
    ("guests", "tourism", "QS", 4, 4, 36),
    ("output", "economy", "YS", 1, 3, 30),
    ("pills", "prescriptions", "MS", 12, 6, 72),
    ("jobs", "employment", "MS", 12, 6, 60),
    ("young", "employment_short", "MS", 12, 6, 20),
    ("flights", "airline", "W-MON", 52, 4, 120),
)


def make_values(place, season, rows):
    time = np.arange(rows)
    noise = np.random.default_rng(place).normal(size=rows)
    return 50 + 0.5 * time + 5 * np.sin(2 * np.pi * time / max(season, 2)) + noise


def make_task(entry, origin=1):
    name, family, step, season, horizon, rows = entry
    values = make_values(SERIES.index(entry), season, rows)
    dates = pd.date_range("2000-01-01", periods=rows, freq=step).to_numpy()
    cut = rows - origin * horizon
    given, wanted = values[:cut], values[cut : cut + horizon]
    return PanelTask(name, family, step, season, origin, dates[:cut], given, wanted)


@pytest.fixture
def data_folder(tmp_path):
    """Return a folder with a panel of seven series that grow and have seasons."""
    columns = ["unique_id", "family", "frequency", "season", "horizon", "rows"]
    listed = pd.DataFrame(SERIES, columns=columns)
    tables = []
    for place, (name, _, step, season, _, rows) in enumerate(SERIES):
        dates = pd.date_range("2000-01-01", periods=rows, freq=step)
        values = make_values(place, season, rows)
        tables.append(pd.DataFrame({"unique_id": name, "ds": dates, "y": values}))
    folder = tmp_path / "data" / "panel"
    folder.mkdir(parents=True)
    listed.to_csv(folder / "panel.csv", index=False)
    pd.concat(tables).to_parquet(folder / "panel.parquet")
    return folder.parent


def forecast_by_name(task):
    made = forecast_variants(task, VARIANTS)
    return {
        f"{variant.rule}: {variant.value}": forecast
        for variant, forecast in zip(VARIANTS, made, strict=True)
    }


def test_the_shipped_rules_are_those_of_the_package():
    task = make_task(SERIES[3])
    (forecast,) = forecast_variants(task, [SHIPPED])
    scale = np.std(task.values)
    amounts = task.values[:, None] / scale
    selection = select_local(amounts, task.season, task.horizon, has_network=False)
    ((_, combination),) = selection.blocks
    finals = torch.stack([member.final for member in combination.members]).nan_to_num(0)
    expected = scale * (combination.weights[:, None] * finals).sum(0)[:, 0]
    np.testing.assert_allclose(forecast, expected.numpy(), rtol=1e-12)


def test_each_variant_changes_the_forecast_of_some_series_and_leaves_the_package_as_it_was():
    shipped = member_weights.SHARPNESS, local_models._smooth, local_models._weigh_members
    seen = set()
    for entry in SERIES:
        made = forecast_by_name(make_task(entry))
        first = made.pop(": ".join((SHIPPED.rule, SHIPPED.value)))
        seen |= {name for name, forecast in made.items() if not np.allclose(forecast, first)}
    assert seen == {f"{v.rule}: {v.value}" for v in VARIANTS[1:]}
    assert shipped == (
        member_weights.SHARPNESS,
        local_models._smooth,
        local_models._weigh_members,
    )


def test_without_other_members_smoothing_is_alone():
    made = forecast_by_name(make_task(SERIES[0]))
    alone = made["members (ETS, map, seasonal naive): ETS alone"]
    task = make_task(SERIES[0])
    values = torch.from_numpy(task.values).unsqueeze(1)
    block = local_models.SeriesBlock(values, task.horizon, 4, (30,), 5)
    smoothed = local_models._smooth(block, 4, torch.zeros(1).double())
    np.testing.assert_allclose(alone, smoothed[-1].values[:, 0].numpy(), rtol=1e-9)


def test_a_constant_that_is_gone_is_an_error():
    gone = replace(SHIPPED, constants=((local_models, "SHARPNES", 1.0),))
    with pytest.raises(AttributeError, match="SHARPNES"):
        next(forecast_variants(make_task(SERIES[0]), [gone]))


@pytest.fixture
def scores(monkeypatch):
    """Return scores of three variants: the second is best on tourism, the third elsewhere."""
    monkeypatch.setattr(panel_choices, "VARIANTS", VARIANTS[:3])
    tasks = [make_task(entry, origin) for origin in (1, 2) for entry in SERIES if entry[5] > 20]
    is_tourism = np.array([task.family == "tourism" for task in tasks])
    errors = np.ones((3, len(tasks)))
    errors[1] = np.where(is_tourism, 0.5, 1.2)
    errors[2] = np.where(is_tourism, 1.1, 0.9)
    return VariantScores(tasks, errors, np.full(len(tasks), 1.25))


def test_a_choice_sees_the_other_families_only(scores):
    assert scores.family_names == ["tourism", "economy", "prescriptions", "employment", "airline"]
    choices = {name: scores.choose(name, on_others=True) for name in scores.family_names}
    assert choices["tourism"] == 2
    assert {name: scores.choose(name, on_others=False) for name in choices} == {
        "tourism": 1,
        "economy": 2,
        "prescriptions": 2,
        "employment": 2,
        "airline": 2,
    }
    # Changing the errors of a family never changes the choice made without it.
    for name in scores.family_names:
        errors = np.where(scores.task_families == name, scores.errors[::-1], scores.errors)
        other = VariantScores(scores.tasks, errors, scores.naive)
        assert other.choose(name, on_others=True) == choices[name]


def test_rows_compare_with_the_shipped_rules(scores):
    forecaster = SeriesScores(scores.errors[0], scores.errors[0], scores.errors[0])
    rows = list(build_rows(scores, forecaster))
    assert [row["rule"] for row in rows[:3]] == ["seasonal naive", "Forecaster", "shipped rules"]
    assert all(row.keys() == rows[0].keys() for row in rows)
    naive, _, shipped, first, second = rows[:5]
    assert (naive["/ naive, 1"], naive["economy"]) == ("1.000", "1.250")
    assert (shipped["/ naive, 2"], shipped["MASE, 1"]) == ("0.800", "1.000")
    assert (first["tourism"], first["economy"], second["tourism"]) == ("0.500", "1.200", "1.100")
    by_family = np.exp(np.mean(np.log([0.5, 1.2, 1.2, 1.2, 1.2])))
    assert first["families"].startswith(f"{by_family:.3f} [0.7")
    without = [np.exp(np.mean(np.log(part))) for part in ([0.5] * 2 + [1.2] * 3, [1.2] * 4)]
    assert first["all but one family"] == f"{without[0]:.3f} to {without[1]:.3f}"
    best, names = rows[-2:]
    assert (best["tourism"], best["airline"]) == ("0.500", "0.900")
    assert names["tourism"] == "power of the error in the weights (8): 2"
    assert names["families"] is None


def test_the_result_names_the_variants_with_clear_signs(scores):
    errors = np.stack([scores.errors[0], 0.9 * scores.errors[0], 1.1 * scores.errors[0]])
    forecaster = SeriesScores(errors[0], errors[0], errors[0])
    rows = list(build_rows(VariantScores(scores.tasks, errors, scores.naive), forecaster))
    text = " ".join(describe_result(rows).split())
    assert "has 0.900 [0.900, 0.900] times the error of the shipped rules" in text
    assert "intervals above 1: power of the error in the weights (8): 4. Better" in text
    assert "intervals below 1: power of the error in the weights (8): 2. The" in text
    mixed = " ".join(describe_result(list(build_rows(scores, forecaster))).split())
    assert "above 1: none. Better" in mixed
    # Tourism makes the second variant the best without another family, which it does not suit.
    assert "costs most in economy: 1.200 (power of the error in the weights (8): 2)." in mixed


def test_a_quick_run_measures_a_series_of_each_family(data_folder, tmp_path):
    rows = repeat_page("panel_choices", tmp_path, data_dir=data_folder)
    assert len(rows) == len(VARIANTS) + 6
    families = ["tourism", "economy", "prescriptions", "employment", "airline"]
    assert [*rows[0]][-5:] == families
    assert {row["/ naive, 1"] for row in rows[:1]} == {"1.000"}
    labels = {f"{v.rule}: {v.value}".rstrip(": ") for v in VARIANTS}
    assert {row[name] for row in (rows[-3], rows[-1]) for name in families} <= labels
    figure = draw_figure("panel_choices", rows)
    assert sum(len(trace.x) for trace in figure.data) == 3 * (len(VARIANTS) + 3)


def test_the_committed_page_has_every_variant():
    rows = read_committed("panel_choices")["rows"]
    measured = {(row["rule"], row["value"]) for row in rows}
    assert {(variant.rule, variant.value) for variant in VARIANTS} <= measured
