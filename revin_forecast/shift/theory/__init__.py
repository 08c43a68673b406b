"""Theorems on shifts, checked against measurements by the code of the benchmark."""

import pandas as pd

from revin_forecast.shift.theory import level, models, process

THEORY_CHECKS = (
    models.check_equivariance,
    models.check_additive_eps,
    level.check_level_shift,
    models.check_scale_shift,
    models.check_last_value_equivalence,
    level.check_break_even_level,
    level.check_recent_jump,
    level.check_jump_at_forecast,
    level.check_sensor_offset,
    process.check_level_dependence,
    process.check_concept_change,
    process.check_random_walk,
)
"""The checks of theorems T1 to T11."""


def run_theory_checks() -> pd.DataFrame:
    """Return every check as a row: name, claim, predicted, measured, tol, passed."""
    checks = [check for run_check in THEORY_CHECKS for check in run_check()]
    rows = [
        {
            "name": check.name,
            "claim": check.claim,
            # Rounded so that tables are equal to the byte: the last digits are rounding errors.
            "predicted": round(check.predicted, 9) + 0.0,
            "measured": round(check.measured, 9) + 0.0,
            "tol": check.tol,
            "passed": check.has_passed,
        }
        for check in checks
    ]
    return pd.DataFrame(rows).assign(schema_version=1)
