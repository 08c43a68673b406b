"""Public contract checks for user-defined normalizers and backbones.

`check_normalizer` and `check_backbone` print one line per promise and raise `CheckError` at the
first that does not hold. `audit_normalizer` and `audit_backbone` return all results instead.

>>> from revin_forecast.checks import check_normalizer
>>> from revin_forecast import RevIN
>>> check_normalizer(RevIN)  # doctest: +ELLIPSIS
RevIN
  holds  ...
"""

from revin_forecast.checks.backbone import (
    BACKBONE_CHECKS,
    BACKBONE_PROGRAM_CHECKS,
    audit_backbone,
    check_backbone,
)
from revin_forecast.checks.compiled import PROGRAM_CHECKS
from revin_forecast.checks.equivariance import EQUIVARIANCE_CHECKS
from revin_forecast.checks.normalizer import (
    NORMALIZER_CHECKS,
    audit_normalizer,
    check_normalizer,
)
from revin_forecast.checks.runner import CheckError, CheckResult

__all__ = [
    "BACKBONE_CHECKS",
    "BACKBONE_PROGRAM_CHECKS",
    "EQUIVARIANCE_CHECKS",
    "NORMALIZER_CHECKS",
    "PROGRAM_CHECKS",
    "CheckError",
    "CheckResult",
    "audit_backbone",
    "audit_normalizer",
    "check_backbone",
    "check_normalizer",
]
