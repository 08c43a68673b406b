"""The picture of each page in docs/benchmarks, drawn from the page's rows."""

from collections import Counter
from collections.abc import Callable

from plotly import graph_objects

from benchmarks.evidence import Row
from benchmarks.pages.dot_plot import COLOURS, Dots, Rows, framed

UNSURE = "can't tell"
MSE = "mean squared error (standardized)"
BASELINES = ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")
DOTS: dict[str, Dots] = {
    "accuracy_backbones": Dots(
        "{backbone}",
        ("RevIN MSE", "without MSE", "published MSE"),
        MSE,
        panel="{data}, 336 -> 96",
        log=True,
        keep=lambda row: (row["look-back"], row["horizon"]) == (336, 96),
    ),
    "accuracy_normalizers": Dots(
        "{normalizer}", ("Linear MSE", "Ridge MSE"), "MSE", panel="{data}"
    ),
    "accuracy_paper": Dots(
        "{backbone}, {data}, {look-back} -> {horizon}",
        ("without", "with", "paper without", "paper with"),
        MSE,
        log=True,
    ),
    "accuracy_product": Dots(
        "{data}",
        ("default", *BASELINES),
        "MASE",
        log=True,
        keep=lambda row: row["season"] is not None,
    ),
    "accuracy_revin": Dots(
        "{data}, {look-back} -> {horizon}",
        ("RevIN MSE", "LastValue MSE", "Identity MSE", "SeasonalNaive MSE", "Repeat MSE"),
        MSE,
        log=True,
    ),
    "accuracy_tying": Dots("{network}", ("tied", "untied"), MSE, panel="{data}"),
    "backbone_speed": Dots("{backbone}", ("ratio",), "times as fast as plain code", line=1),
    "cuda_speed": Dots(
        "{what}", ("package windows/s", "plain windows/s"), "windows a second", log=True
    ),
    "distributed_speed": Dots(
        "{what}", ("ratio", "target", "bound"), "times as fast as the first", line=1
    ),
    "interval_coverage": Dots(
        "{data}",
        ("80 %", "80 % raw", "95 %", "95 % raw"),
        "% covered",
        panel="{shift}",
    ),
    "interval_coverage_short": Dots(
        "{data}, {rows}", ("80 %", "95 %", "width", "lopsided"), "", apart=True
    ),
    "larger_than_memory": Dots(
        "{backbone}, {way}", ("windows/s", "peak GiB", "own GiB"), "", apart=True
    ),
    "layer_speed": Dots(
        "{layer}",
        ("forward", "backward", "to data"),
        "of the original formula's time",
        panel="{shape}",
        line=1,
        keep=lambda row: row["threads"] == 1,
    ),
    "many_series": Dots(
        "{series} series, {options}", ("seconds", "core s", "peak GiB"), "", apart=True
    ),
    "peers_forecast": Dots("{program}", ("seconds", "core s", "peak MiB"), "", apart=True),
    "peers_training": Dots(
        "{model}: {contender}", ("train windows/s", "predict windows/s"), "a second", log=True
    ),
    "ridge_speed": Dots(
        "{rows} x {channels}, {look-back} -> {horizon}",
        ("fit s", "moments s", "blocks s"),
        "seconds",
        log=True,
    ),
    "speed_ratios": Dots(
        "{what}<br><i>{reference}</i>",
        ("ratio", "bound"),
        "of the reference's time",
        log=True,
        line=1,
    ),
    "sweep_speed": Dots(
        "{size of}",
        ("choose s", "solve s", "sums s", "blocks s", "PatchTST epoch s"),
        "seconds",
        log=True,
    ),
    "table_fuzz": Dots("{end}", ("share",), "of the files"),
    "training_speed": Dots("{backbone}", ("time ratio",), "package / plain loop, time", line=1),
}


def figure_of(name: str, rows: Rows) -> graph_objects.Figure | None:
    """Return the picture of a page's rows; None where there is none of that name."""
    if name in DRAWN:
        return DRAWN[name](rows)
    return DOTS[name].figure(rows) if name in DOTS else None


def closed_form(rows: Rows) -> graph_objects.Figure:
    """Draw the mean error of each variant over that of the best published method."""
    sets: dict[str, Row] = {}
    for row in rows:
        cells = sets.setdefault(row["data"], {"data": row["data"]})
        cells[f"{row['maps']}, {row['taught by']}"] = row["mean MSE"] / row["published"]
    pivoted = list(sets.values())
    columns = tuple(dict.fromkeys(name for cells in pivoted for name in cells if name != "data"))
    axis = "mean squared error, mean of four horizons, over the best published"
    return Dots("{data}", columns, axis, line=1).figure(pivoted)


def thread_count(rows: Rows) -> graph_objects.Figure:
    """Draw the time of a step on each number of threads."""
    counts = tuple(name for name in rows[0] if name.startswith("ms on "))
    label = "{backbone}, {windows} x {channels}"
    return Dots(label, counts, "milliseconds a step", log=True).figure(rows)


def scaling(rows: Rows) -> graph_objects.Figure:
    """Draw seconds over size."""
    from benchmarks.speed.scaling import figure  # it loads what it measures

    return figure(rows).update_yaxes(dtick="D2", tickformat="~g")  # few ticks: a small file


def audit(rows: Rows) -> graph_objects.Figure:
    """Draw which class keeps which promise; what it does not claim is left blank."""
    classes = [name for name in rows[0] if name != "promise"]
    kinds = {"holds": ("holds", COLOURS[2]), "x": ("does not hold", COLOURS[1])}
    drawn = graph_objects.Figure()
    for kind, (told, colour) in kinds.items():
        cells = [(name, row) for row in rows for name in classes if row[name].split()[0] == kind]
        drawn.add_scatter(
            x=[name for name, _ in cells],
            y=[row["promise"] for _, row in cells],
            name=told,
            mode="markers",
            marker={"symbol": "square", "size": 15, "color": colour},
        )
    promises = [row["promise"] for row in rows]
    drawn.update_xaxes(categoryorder="array", categoryarray=classes, showgrid=False)
    drawn.update_xaxes(title="blank: not claimed, or not applicable")
    drawn.update_yaxes(categoryorder="array", categoryarray=promises[::-1], showgrid=False)
    return framed(drawn, len(rows))


def verdicts(rows: Rows) -> graph_objects.Figure:
    """Draw how often the blind verdict agrees with a sign that was measured, in each data set."""
    signed = [row for row in rows if row["sign"] is not None]
    sets = list(dict.fromkeys(row["data"] for row in signed))
    counts = Counter((row["data"], _agreement(row)) for row in signed)
    drawn = graph_objects.Figure()
    for kind, colour in (("agrees", COLOURS[2]), (UNSURE, "#cccccc"), ("disagrees", COLOURS[1])):
        drawn.add_bar(
            x=[counts[name, kind] for name in sets],
            y=sets,
            name=kind,
            orientation="h",
            marker={"color": colour},
        )
    drawn.update_layout(barmode="stack", legend={"traceorder": "normal"})
    drawn.update_xaxes(title="channels where the gain has a clear sign; verdict made blind")
    drawn.update_yaxes(categoryorder="array", categoryarray=sets[::-1])
    return framed(drawn, len(sets))


def _agreement(row: Row) -> str:
    if row["blind"] == UNSURE:
        return UNSURE
    return "agrees" if row["blind"] == row["sign"] else "disagrees"


DRAWN: dict[str, Callable[[Rows], graph_objects.Figure]] = {
    "accuracy_closed_form": closed_form,
    "normalizer_audit": audit,
    "scaling": scaling,
    "shift_verdicts": verdicts,
    "thread_count": thread_count,
}
