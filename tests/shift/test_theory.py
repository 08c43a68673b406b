"""Theorems on shifts against the benchmark's own measurements."""

import numpy as np
import pytest

from revin_forecast.normalizers import Identity, RevIN
from revin_forecast.shift.generators import Level
from revin_forecast.shift.measuring.cell import Cell
from revin_forecast.shift.theory import THEORY_CHECKS, models, run_theory_checks
from revin_forecast.shift.theory.trial import TheoryCheck, fit_ridge_trial


@pytest.mark.parametrize(
    "check_theorem", THEORY_CHECKS, ids=lambda check_theorem: check_theorem.__name__
)
def test_theory_holds(check_theorem):
    checks = list(check_theorem())
    assert checks
    for check in checks:
        assert check.has_passed, check


def test_table_has_every_theorem():
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


def test_bound_on_additive_eps_is_tight():
    (check,) = models.check_additive_eps()
    assert 0.95 < check.measured <= 1


def test_check_fails_beyond_its_tolerance():
    assert TheoryCheck("T", "", 1.0, 1.0 + 1e-10, 1e-9).has_passed
    assert not TheoryCheck("T", "", 1.0, 1.1, 0.05).has_passed
    assert not TheoryCheck("T", "", 100.0, 106.0, 0.05).has_passed
    assert TheoryCheck("T", "", 0.5, 0.1, 0.0, is_upper_bound=True).has_passed
    assert not TheoryCheck("T", "", 0.5, 0.6, 0.0, is_upper_bound=True).has_passed


def test_checks_detect_a_wrong_benchmark(monkeypatch):
    """An unshifted truth under a process shift breaks T2 and T7, not T8."""
    from revin_forecast.shift.measuring import windows

    true_shifted_windows = windows.shifted_windows

    def shift_look_backs_only(dataset, cell, stride, *precision):
        shifted = true_shifted_windows(dataset, cell, stride, *precision)
        clean = windows.clean_targets(dataset, shifted.starts)
        return windows.ShiftedWindows(
            shifted.past, clean, shifted.starts, shifted.clean_indices, shifted.displacement, None
        )

    monkeypatch.setattr(
        "revin_forecast.shift.measuring.evaluator.shifted_windows", shift_look_backs_only
    )
    failed = {
        check.name
        for check_theorem in THEORY_CHECKS
        for check in check_theorem()
        if not check.has_passed
    }
    assert {"T2", "T7"} <= failed
    assert "T8" not in failed


def test_level_shift_raises_the_error_without_a_normalizer_only():
    cell = Cell(Level(), "steady", 5)
    identity, revin = (fit_ridge_trial(kind).measure(cell) for kind in (Identity, RevIN))
    assert identity["r_log"] > 0.3
    assert revin["r_log"] == pytest.approx(0, abs=1e-9)
    assert revin["eg"] < 1e-12 < identity["eg"]
    assert np.isfinite(revin["oracle"])
