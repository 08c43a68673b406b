"""What was tried, and why this was chosen."""

from revin_forecast.data.layout import counted
from revin_forecast.report.forecast.account import Account
from revin_forecast.report.markup import Cell, heads, name, number, paragraph, table


def selection_table(account: Account) -> str:
    """Return what was tried, what it was worth, and its share of the forecast."""
    summary, recipe = account.fitted.summary, account.fitted.recipe
    chosen = summary.get("selection")
    if not chosen:
        note = summary["fit"].get("note")
        told = note or (
            f"The model was named: {recipe.backbone.name} with {recipe.normalizer.name}, "
            f"look-back {recipe.lookback}. Nothing else was tried"
        )
        return paragraph(f"{told}.") + _fit_facts(account)
    rows = [
        [
            name(row["model"]),
            name(row["normalizer"] or "-"),
            Cell(str(row["lookback"]), "number"),
            number(row["mase"], 4),
            Cell(f"{row['share']:.0%}" if row["share"] else "-", "number"),
        ]
        for row in chosen["candidates"]
    ]
    whole = [name("the combination"), name(""), name(""), number(chosen["mase"], 4)]
    rows.insert(0, [*whole, Cell("100%", "number")])
    season = f", season {chosen['season']}" if chosen["season"] > 1 else ""
    text = paragraph(
        f"Compared on {counted(chosen['windows'], 'window')} of the last fifth of the rows"
        f"{season}. What is forecast is the combination by these shares; afterwards all rows "
        "taught it."
    )
    text += table(heads("model", "level taken away", "look-back", "MASE", "share"), rows)
    if chosen["skipped"]:
        text += paragraph(f"Not tried for want of time: {'; '.join(chosen['skipped'])}.")
    return text


def _fit_facts(account: Account) -> str:
    facts = {
        key.replace("_", " "): value
        for key, value in account.fitted.summary["fit"].items()
        if isinstance(value, int | float) and not isinstance(value, bool)
    }
    rows = [[name(key), Cell(f"{value:.4g}", "number")] for key, value in facts.items()]
    return table(heads("the fit reports", ""), rows) if rows else ""
