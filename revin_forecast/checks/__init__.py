"""Public contract checks for user-defined normalizers, backbones and whole nets.

`check_normalizer`, `check_backbone` and `check_model` print one line per promise, list the failures
with their measured values, worst first, and raise one `CheckError` that names all of them.
`audit_normalizer`, `audit_backbone` and `audit_model` return the results instead.

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
from revin_forecast.checks.model import MODEL_CHECKS, audit_model, check_model
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
    "MODEL_CHECKS",
    "NORMALIZER_CHECKS",
    "PROGRAM_CHECKS",
    "CheckError",
    "CheckResult",
    "audit_backbone",
    "audit_model",
    "audit_normalizer",
    "check_backbone",
    "check_model",
    "check_normalizer",
]
