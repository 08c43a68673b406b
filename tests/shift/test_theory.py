"""What theory says of shifts, held against the benchmark's own measurements."""

import numpy as np
import pytest

from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift.generators import Level
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.theory import THEORY_CHECKS, models, run_theory_checks
from revin_forecast.shift.theory.trial import TheoryCheck, fit_ridge_trial


@pytest.mark.parametrize("part", THEORY_CHECKS, ids=lambda part: part.__name__)
def test_theory_holds(part):
    checks = list(part())
    assert checks
    for check in checks:
        assert check.passed, check


def test_every_theorem_is_in_the_table():
    table = run_theory_checks()
    assert set(table.name) == {f"T{number}" for number in range(1, 12)}
    assert list(table.columns) == [
        "name",
        "claim",
        "predicted",
        "measured",
        "tol",
        "passed",
        "schema_version",
    ]
    assert table.passed.all()


def test_the_bound_on_an_additive_eps_is_nearly_reached():
    (check,) = models.additive_eps()
    assert 0.95 < check.measured <= 1


def test_a_check_can_fail():
    assert TheoryCheck("T", "", 1.0, 1.0 + 1e-10, 1e-9).has_passed
    assert not TheoryCheck("T", "", 1.0, 1.1, 0.05).has_passed
    assert not TheoryCheck("T", "", 100.0, 106.0, 0.05).has_passed
    assert TheoryCheck("T", "", 0.5, 0.1, 0.0, is_upper_bound=True).has_passed
    assert not TheoryCheck("T", "", 0.5, 0.6, 0.0, is_upper_bound=True).has_passed


def test_the_checks_would_notice_a_wrong_benchmark(monkeypatch):
    """Truth that stays where it was under a process shift breaks T2 and T7, not T8."""
    from revin_forecast.shift.measuring import windows

    true_seen = windows.shifted_windows

    def wrong(world, cell, stride, *precision):
        found = true_seen(world, cell, stride, *precision)
        clean = windows.clean_targets(world, found.starts)
        return windows.ShiftedWindows(
            found.past, clean, found.starts, found.clean_indices, found.displacement, None
        )

    monkeypatch.setattr("revin_forecast.shift.measuring.evaluator.shifted_windows", wrong)
    failed = {check.name for part in THEORY_CHECKS for check in part() if not check.has_passed}
    assert {"T2", "T7"} <= failed
    assert "T8" not in failed


def test_without_a_normalizer_a_level_shift_costs_and_with_one_it_does_not():
    cell = Cell(Level(), "steady", 5)
    without, within = (fit_ridge_trial(kind).measure(cell) for kind in (Identity, RevIN))
    assert without["r_log"] > 0.3
    assert within["r_log"] == pytest.approx(0, abs=1e-9)
    assert within["eg"] < 1e-12 < without["eg"]
    assert np.isfinite(within["oracle"])
