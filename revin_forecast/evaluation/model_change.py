"""Difference between the model that a backtest chose and the one that makes the forecast."""

from collections import Counter

from revin_forecast.data.formatting import format_percent
from revin_forecast.forecasting.fitted import FittedModel

MIN_COMMON_SHARE = 0.5
"""Common share of two combinations from which they count as one model."""


def collect_shares(fitted: FittedModel) -> dict[str, float]:
    """Return the share of each candidate in a selected model, by its name; empty without one."""
    shares: Counter[str] = Counter()
    for row in fitted.summary.get("selection", {}).get("candidates", ()):
        shares[row["model"]] += row["share"]
    return dict(shares)


def describe_model_change(tested: FittedModel, delivered: FittedModel) -> str:
    """Return a sentence on two selected models that have little in common; otherwise "".

    A backtest repeats the selection on the rows before it, so it may choose another model.
    """
    before, after = collect_shares(tested), collect_shares(delivered)
    if not (any(before.values()) and any(after.values())):
        return ""
    common = sum(min(share, after.get(name, 0.0)) for name, share in before.items())
    first, last = (max(shares, key=lambda name: shares[name]) for shares in (before, after))
    if common >= MIN_COMMON_SHARE or first == last:
        return ""
    return (
        f"the backtest chose {_name_share(first, before)}, the forecast uses "
        f"{_name_share(last, after)}"
    )


def _name_share(name: str, shares: dict[str, float]) -> str:
    return f"{name} ({format_percent(100 * shares[name])})"
