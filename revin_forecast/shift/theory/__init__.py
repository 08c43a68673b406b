"""What theory says, beside what the benchmark measures with the code of any cell."""

import pandas as pd

from revin_forecast.shift.theory import level, models, process
from revin_forecast.shift.theory.check import Check

PARTS = (
    models.equivariance,
    models.additive_eps,
    level.steady_level,
    models.scale,
    models.one_class,
    level.break_even,
    level.young_jump,
    level.unforeseen_jump,
    level.lying_sensor,
    process.level_dependence,
    process.concept,
    process.random_walk,
)
"""T1 to T11."""

__all__ = ["PARTS", "Check", "theory_checks"]


def theory_checks() -> pd.DataFrame:
    """Return every check as a row: name, claim, predicted, measured, tol, passed."""
    checks = [check for part in PARTS for check in part()]
    rows = [
        {
            "name": check.name,
            "claim": check.claim,
            # Rounded, so that tables are the same to the byte: the last digits are rounding errors.
            "predicted": round(check.predicted, 9) + 0.0,
            "measured": round(check.measured, 9) + 0.0,
            "tol": check.tol,
            "passed": check.passed,
        }
        for check in checks
    ]
    return pd.DataFrame(rows).assign(schema_version=1)
