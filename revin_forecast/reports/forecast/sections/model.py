"""The sections on model selection and on reproducing the forecast."""

from markupsafe import Markup

from revin_forecast.evaluation.model_change import collect_shares
from revin_forecast.forecasting.known_inputs import describe_known_inputs
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.templates import render_template
from revin_forecast.training.model_config import ModelConfig


def render_selection(content: ReportContent) -> Markup:
    """Return the candidates, their scores and their shares of the forecast."""
    summary, config = content.fitted.summary, content.fitted.config
    reason = (
        f"The model was specified: {config.backbone.name} with {config.normalizer.name}, "
        f"look-back {config.lookback}. No other was tried"
    )
    if "zero_shot" in summary:
        reason += (
            ". Nothing was fitted: the network was trained on synthetic series alone, before it "
            "saw this table"
        )
    fit_facts = {
        key.replace("_", " "): value
        for key, value in summary["fit"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    return render_template(
        "forecast/sections/selection.html.jinja",
        selection=summary.get("selection"),
        tested_shares=_collect_tested_shares(content),
        reason=reason,
        fit_facts=fit_facts,
        notes=summary.get("range", {}).get("notes", []),
        known_inputs=describe_known_inputs(summary.get("known_inputs", ())),
    )


def _collect_tested_shares(content: ReportContent) -> dict[str, float]:
    """Return the shares of the candidates in the backtest; empty without a selection there."""
    if isinstance(content.backtest, str):
        return {}
    return collect_shares(content.backtest.fitted)


def render_reproduction(content: ReportContent) -> Markup:
    """Return the command line and the facts needed to reproduce the forecast."""
    config = content.fitted.config
    if "selection" in content.fitted.summary:
        model = {"model": "selected, see above"}
    else:
        model = {
            "model": _describe_backbone(config),
            "normalizer": config.normalizer.call_expression,
        }
    names = content.fitted.summary.get("covariates", config.covariates)
    covariates = {"known in advance": ", ".join(names)} if names else {}
    facts = {
        **model,
        **covariates,
        "look-back": config.lookback,
        "horizon": config.horizon,
        "seed": config.training.seed,
        **content.provenance,
    }
    return render_template(
        "forecast/sections/reproduction.html.jinja", command=content.command, facts=facts
    )


def _describe_backbone(config: ModelConfig) -> str:
    """Return the call that built the backbone."""
    backbone = config.backbone
    if config.covariates:
        # The fit adds this argument; the specification of the user does not contain it.
        parameters = {**backbone.parameters, "covariates": len(config.covariates)}
        backbone = ModuleSpec(backbone.path, parameters)
    return backbone.call_expression
