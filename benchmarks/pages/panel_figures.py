"""Figures of the development panel."""

from plotly import graph_objects

from benchmarks.evidence import Row
from benchmarks.pages.dot_plot import DotPlot, Rows

PANEL_MODELS = ("AutoETS", "AutoARIMA", "AutoCES", "FLAIR", "fracast", "default")


def draw_panel(rows: Rows) -> graph_objects.Figure:
    """Draw the error of some models over that of the seasonal naive one, by group and origin."""
    groups: dict[tuple[str, str, int], Row] = {}
    for row in rows:
        frequency, family, origin = row["frequency"], row["family"], row["origin"]
        name = frequency if family == "all" else f"{frequency}, {family}"
        labels = {"group": name, "origin": origin}
        group = groups.setdefault((frequency, family, origin), labels)
        if row["/ naive"] is not None:
            group[row["model"]] = float(row["/ naive"].split()[0])
    plot = DotPlot(
        "{group}", PANEL_MODELS, "MASE / seasonal naive", panel="origin {origin}", log=True, line=1
    )
    return plot.draw(list(groups.values()))


def draw_panel_choices(rows: Rows) -> graph_objects.Figure:
    """Draw the error of each variant over that of the shipped rules."""
    columns = {"/ shipped, 1": "origin 1", "/ shipped, 2": "origin 2", "families": "by families"}
    drawn: list[Row] = []
    for row in rows[1:]:  # the first one is the seasonal naive, far away
        cells = {name: row[column] for column, name in columns.items() if row[column]}
        if cells:  # a row of names has none
            ratios = {name: float(cell.split()[0]) for name, cell in cells.items()}
            drawn.append({"label": f"{row['rule']}: {row['value']}".rstrip(": ")} | ratios)
    axis = "MASE / that of the shipped rules"
    return DotPlot("{label}", tuple(columns.values()), axis, line=1).draw(drawn)


def draw_member(rows: Rows) -> graph_objects.Figure:
    """Draw the error of the default with and without the network, by frequency and origin."""
    columns = {"/ naive": "with the network", "without / naive": "without it"}
    drawn: list[Row] = []
    for row in rows:
        ratios = {name: float(row[column].split()[0]) for column, name in columns.items()}
        drawn.append({"frequency": row["frequency"], "origin": row["origin"]} | ratios)
    plot = DotPlot(
        "{frequency}",
        tuple(columns.values()),
        "MASE / seasonal naive",
        panel="origin {origin}",
        line=1,
    )
    return plot.draw(drawn)
