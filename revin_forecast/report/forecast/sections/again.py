"""What it takes to do it again."""

from revin_forecast.components import ModuleSpec
from revin_forecast.fitting import ModelConfig
from revin_forecast.report.forecast.account import ReportContent
from revin_forecast.report.markup import Cell, render_code, header_row, text_cell, render_table


def render_reproduction(content: ReportContent) -> str:
    """Return what it takes to do it again."""
    recipe = content.fitted.config
    chosen = "selection" in content.fitted.summary
    named = {"model": "chosen, see above"}
    if not chosen:
        named = {"model": _describe_backbone(recipe), "normalizer": recipe.normalizer.call_expression}
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
    return (render_code(content.command) if content.command else "") + render_table(header_row("", ""), rows)


def _describe_backbone(recipe: ModelConfig) -> str:
    """Return the backbone as it was built: the fit says how many inputs are known beforehand."""
    backbone = recipe.backbone
    if recipe.covariates:
        counted = {**backbone.parameters, "covariates": len(recipe.covariates)}
        backbone = ModuleSpec(backbone.path, counted)
    return backbone.call_expression
