"""What was tried, and why this was chosen."""

from revin_forecast.data.layout import pluralize
from revin_forecast.report.forecast.account import ReportContent
from revin_forecast.report.markup import Cell, header_row, text_cell, number_cell, render_paragraph, render_table


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
    whole = [text_cell("the combination"), text_cell(""), text_cell(""), number_cell(chosen["mase"], 4)]
    rows.insert(0, [*whole, Cell("100%", "number")])
    season = f", season {chosen['season']}" if chosen["season"] > 1 else ""
    text = render_paragraph(
        f"Compared on {pluralize(chosen['windows'], 'window')} of the last fifth of the rows"
        f"{season}. What is forecast is the combination by these shares; afterwards all rows "
        "taught it."
    )
    text += render_table(header_row("model", "level taken away", "look-back", "MASE", "share"), rows)
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
