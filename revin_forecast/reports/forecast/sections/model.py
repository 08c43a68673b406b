"""What was tried, and why this was chosen."""

from revin_forecast.data.series import pluralize
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.reports.forecast.content import ReportContent
from revin_forecast.reports.html import (
    Cell,
    header_row,
    number_cell,
    render_code,
    render_paragraph,
    render_table,
    text_cell,
)
from revin_forecast.training.model_config import ModelConfig


def render_selection_table(content: ReportContent) -> str:
    """Return what was tried, what it was worth, and its share of the forecast."""
    summary, recipe = content.fitted.summary, content.fitted.config
    chosen = summary.get("selection")
    if not chosen:
        note = summary["fit"].get("note")
        told = note or (
            f"The model was named: {recipe.backbone.name} with {recipe.normalizer.name}, "
            f"look-back {recipe.lookback}. Nothing else was tried"
        )
        return render_paragraph(f"{told}.") + _render_fit_facts(content)
    rows = [
        [
            text_cell(row["model"]),
            text_cell(row["normalizer"] or "-"),
            Cell(str(row["lookback"]), "number"),
            number_cell(row["mase"], 4),
            Cell(f"{row['share']:.0%}" if row["share"] else "-", "number"),
        ]
        for row in chosen["candidates"]
    ]
    whole = [
        text_cell("the combination"),
        text_cell(""),
        text_cell(""),
        number_cell(chosen["mase"], 4),
    ]
    rows.insert(0, [*whole, Cell("100%", "number")])
    season = f", season {chosen['season']}" if chosen["season"] > 1 else ""
    text = render_paragraph(
        f"Compared on {pluralize(chosen['windows'], 'window')} of the last fifth of the rows"
        f"{season}. What is forecast is the combination by these shares; afterwards all rows "
        "taught it."
    )
    text += render_table(
        header_row("model", "level taken away", "look-back", "MASE", "share"), rows
    )
    if chosen["skipped"]:
        text += render_paragraph(f"Not tried for want of time: {'; '.join(chosen['skipped'])}.")
    return text


def _render_fit_facts(content: ReportContent) -> str:
    facts = {
        key.replace("_", " "): value
        for key, value in content.fitted.summary["fit"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    rows = [[text_cell(key), Cell(f"{value:.4g}", "number")] for key, value in facts.items()]
    return render_table(header_row("the fit reports", ""), rows) if rows else ""


def render_reproduction(content: ReportContent) -> str:
    """Return what it takes to do it again."""
    recipe = content.fitted.config
    chosen = "selection" in content.fitted.summary
    named = {"model": "chosen, see above"}
    if not chosen:
        named = {
            "model": _describe_backbone(recipe),
            "normalizer": recipe.normalizer.call_expression,
        }
    if recipe.covariates:
        named["known beforehand"] = ", ".join(recipe.covariates)
    facts = {
        **named,
        "look-back": recipe.lookback,
        "horizon": recipe.horizon,
        "seed": recipe.training.seed,
        **content.provenance,
    }
    rows = [[text_cell(key), Cell(str(value), "words")] for key, value in facts.items()]
    return (render_code(content.command) if content.command else "") + render_table(
        header_row("", ""), rows
    )


def _describe_backbone(recipe: ModelConfig) -> str:
    """Return the backbone as it was built: the fit says how many inputs are known beforehand."""
    backbone = recipe.backbone
    if recipe.covariates:
        counted = {**backbone.parameters, "covariates": len(recipe.covariates)}
        backbone = ModuleSpec(backbone.path, counted)
    return backbone.call_expression
