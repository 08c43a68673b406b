"""The sections on model selection and on reproducing the forecast."""

from revin_forecast.data.formatting import pluralize
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.html import (
    TableCell,
    header_row,
    number_cell,
    render_code,
    render_paragraph,
    render_table,
    text_cell,
)
from revin_forecast.training.model_config import ModelConfig


def render_selection_table(content: ReportContent) -> str:
    """Return the candidates, their scores and their shares of the forecast."""
    summary, config = content.fitted.summary, content.fitted.config
    selection = summary.get("selection")
    if not selection:
        reason = summary["fit"].get("note") or (
            f"The model was specified: {config.backbone.name} with {config.normalizer.name}, "
            f"look-back {config.lookback}. No other was tried"
        )
        return render_paragraph(f"{reason}.") + _render_fit_facts(content)
    rows = [
        [
            text_cell(row["model"]),
            text_cell(row["normalizer"] or "-"),
            TableCell(str(row["lookback"]), "number"),
            number_cell(row["mase"], 4),
            TableCell(f"{row['share']:.0%}" if row["share"] else "-", "number"),
        ]
        for row in selection["candidates"]
    ]
    combination = [
        text_cell("the combination"),
        text_cell(""),
        text_cell(""),
        number_cell(selection["mase"], 4),
    ]
    # The combination is the forecast, so it comes first.
    rows.insert(0, [*combination, TableCell("100%", "number")])
    season = f", season {selection['season']}" if selection["season"] > 1 else ""
    text = render_paragraph(
        f"Candidates were compared on {pluralize(selection['windows'], 'window')} in the last "
        f"fifth of the rows{season}. The forecast is their combination with these shares, "
        "refitted on all rows."
    )
    text += render_table(header_row("model", "level removed", "look-back", "MASE", "share"), rows)
    if selection["skipped"]:
        text += render_paragraph(f"Not tried, for lack of time: {'; '.join(selection['skipped'])}.")
    return text


def _render_fit_facts(content: ReportContent) -> str:
    facts = {
        key.replace("_", " "): value
        for key, value in content.fitted.summary["fit"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    rows = [[text_cell(key), TableCell(f"{value:.4g}", "number")] for key, value in facts.items()]
    return render_table(header_row("fit", "value"), rows) if rows else ""


def render_reproduction(content: ReportContent) -> str:
    """Return the command line and the facts needed to reproduce the forecast."""
    config = content.fitted.config
    if "selection" in content.fitted.summary:
        model = {"model": "selected, see above"}
    else:
        model = {
            "model": _describe_backbone(config),
            "normalizer": config.normalizer.call_expression,
        }
    covariates = {"known in advance": ", ".join(config.covariates)} if config.covariates else {}
    facts = {
        **model,
        **covariates,
        "look-back": config.lookback,
        "horizon": config.horizon,
        "seed": config.training.seed,
        **content.provenance,
    }
    rows = [[text_cell(key), TableCell(str(value), "words")] for key, value in facts.items()]
    return (render_code(content.command) if content.command else "") + render_table(
        header_row("", ""), rows
    )


def _describe_backbone(config: ModelConfig) -> str:
    """Return the call that built the backbone."""
    backbone = config.backbone
    if config.covariates:
        # The fit adds this argument; the specification of the user does not contain it.
        parameters = {**backbone.parameters, "covariates": len(config.covariates)}
        backbone = ModuleSpec(backbone.path, parameters)
    return backbone.call_expression
