"""What it takes to do it again."""

from revin_forecast.components import Component
from revin_forecast.fitting import Recipe
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.markup import Cell, code, heads, name, table


def reproduction(account: Account) -> str:
    """Return what it takes to do it again."""
    recipe = account.fitted.recipe
    chosen = "selection" in account.fitted.summary
    named = {"model": "chosen, see above"}
    if not chosen:
        named = {"model": _built(recipe), "normalizer": recipe.normalizer.written}
    if recipe.covariates:
        named["known beforehand"] = ", ".join(recipe.covariates)
    facts = {
        **named,
        "look-back": recipe.lookback,
        "horizon": recipe.horizon,
        "seed": recipe.training.seed,
        **account.made,
    }
    rows = [[name(key), Cell(str(value), "words")] for key, value in facts.items()]
    return (code(account.command) if account.command else "") + table(heads("", ""), rows)


def _built(recipe: Recipe) -> str:
    """Return the backbone as it was built: the fit says how many inputs are known beforehand."""
    backbone = recipe.backbone
    if recipe.covariates:
        counted = {**backbone.parameters, "covariates": len(recipe.covariates)}
        backbone = Component(backbone.path, counted)
    return backbone.written
