"""The judgement at the top of the page, and the facts behind it."""

from dataclasses import dataclass

from revin_forecast.evaluation import BacktestResult
from revin_forecast.evaluation.describe_trust import (
    NOT_TESTED,
    STATE_NAMES,
    describe_trust,
    list_remarks,
)
from revin_forecast.evaluation.trust import State
from revin_forecast.reports.forecast.content import ReportContent


@dataclass(frozen=True)
class Judgement:
    """A judgement in words."""

    state: State
    """Good, mixed, bad, or unknown."""
    name: str
    """The state as it is printed."""
    sentence: str
    """The reasons, the worst first; without a full stop."""
    remarks: list[str]
    """Facts behind it, a sentence each."""
    warnings: list[str]
    """Faults of the data, a sentence each."""


def judge_forecast(content: ReportContent) -> Judgement:
    """Return the judgement at the top of the page: never good if a series or its data is bad."""
    flawed = {issue.series for issue in content.issues if issue.is_serious}
    subject = "1 series has" if len(flawed) == 1 else f"{len(flawed):,} series have"
    warnings = [f"{subject} a serious data issue; see the section on the data below"]
    warnings = warnings if flawed else []
    trust = content.trust
    if trust is None:
        return Judgement("unknown", "not tested", NOT_TESTED, [str(content.backtest)], warnings)
    state: State = "mixed" if flawed and trust.state == "good" else trust.state
    sentence = describe_trust(trust).partition(": ")[2]
    remarks = [*list_remarks(trust), *_describe_levels(content)]
    return Judgement(state, STATE_NAMES[state], sentence, remarks, warnings)


def _describe_levels(content: ReportContent) -> list[str]:
    """Return the reason why no interval was tested; empty if some were."""
    if not isinstance(content.backtest, BacktestResult) or content.backtest.levels:
        return []
    quantiles = content.fitted.config.quantile_levels
    if not quantiles:
        return ["there are no intervals to show"]
    listed = ", ".join(f"{quantile:g}" for quantile in quantiles)
    return [f"there are no intervals to show: the model was trained on the quantiles {listed}"]
