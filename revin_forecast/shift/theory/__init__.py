"""What theory says, beside what the benchmark measures with the code of any cell."""

import pandas as pd

from revin_forecast.shift.theory import level, models, process
from revin_forecast.shift.theory.trial import TheoryCheck

THEORY_CHECKS = (
    models.equivariance,
    models.additive_eps,
    level.level_shift,
    models.scale_shift,
    models.last_value_equivalence,
    level.break_even_level,
    level.recent_jump,
    level.jump_at_forecast,
    level.sensor_offset,
    process.level_dependence,
    process.concept_change,
    process.random_walk,
)
"""T1 to T11."""

__all__ = ["THEORY_CHECKS", "TheoryCheck", "run_theory_checks"]


def run_theory_checks() -> pd.DataFrame:
    """Return every check as a row: name, claim, predicted, measured, tol, passed."""
    checks = [check for part in THEORY_CHECKS for check in part()]
    rows = [
        {
            "name": check.name,
            "claim": check.claim,
            # Rounded, so that tables are the same to the byte: the last digits are rounding errors.
            "predicted": round(check.predicted, 9) + 0.0,
            "measured": round(check.measured, 9) + 0.0,
            "tol": check.tol,
            "passed": check.has_passed,
        }
        for check in checks
    ]
    return pd.DataFrame(rows).assign(schema_version=1)
