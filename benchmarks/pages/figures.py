"""The figure of each page in docs/benchmarks, drawn from the rows of the page."""

from collections import Counter
from collections.abc import Callable

from plotly import graph_objects

from benchmarks.evidence import Row
from benchmarks.pages.dot_plot import COLOURS, DotPlot, Rows, apply_style
from benchmarks.pages.level_figures import draw_level_risk
from benchmarks.pages.panel_figures import draw_member, draw_panel, draw_panel_choices
from benchmarks.pages.zero_shot_figures import draw_ablations, draw_zero_shot

CANNOT_TELL = "can't tell"
MSE = "mean squared error (standardized)"
MIN_DIFFERENCE = 1e-17
BASELINES = ("SeasonalNaive", "AutoETS", "AutoTheta", "DynamicOptimizedTheta")
GIFT_MODELS = (
    "default",
    "closed form",
    "TiRex-2",
    "Chronos-2",
    "Chronos-Bolt-base",
    "Toto-2.0-4m",
)
DOT_PLOTS: dict[str, DotPlot] = {
    "accuracy_backbones": DotPlot(
        "{backbone}",
        ("RevIN MSE", "without MSE", "published MSE"),
        MSE,
        panel="{data}, 336 -> 96",
        log=True,
        keep=lambda row: (row["look-back"], row["horizon"]) == (336, 96),
    ),
    "accuracy_intermittent": DotPlot(
        "{family}, {model}",
        ("RMSE", "QL"),
        "relative to the mean of the series",
        log=True,
        keep=lambda row: row["family"] in ("real series", "simulated series", "planes"),
    ),
    "accuracy_level": DotPlot(
        "{data}, {horizon}",
        ("kept", "pretest", "chosen", "Blend", "shrunk"),
        "mean squared error relative to RevIN's",
        log=True,
        line=1,
        keep=lambda row: bool(row["counted"]),
    ),
    "accuracy_kept_level": DotPlot(
        "{data}, {backbone}",
        ("Identity ratio", "Blend ratio", "ShrunkLevel ratio"),
        "error divided by that of RevIN",
        log=True,
        line=1.0,
    ),
    "accuracy_normalizers": DotPlot(
        "{normalizer}", ("Linear MSE", "Ridge MSE"), "MSE", panel="{data}"
    ),
    "accuracy_paper": DotPlot(
        "{backbone}, {data}, {look-back} -> {horizon}",
        ("without", "with", "paper without", "paper with"),
        MSE,
        log=True,
    ),
    "accuracy_product": DotPlot(
        "{data}",
        ("default", *BASELINES),
        "MASE",
        log=True,
        keep=lambda row: row["season"] is not None,
    ),
    "accuracy_revin": DotPlot(
        "{data}, {look-back} -> {horizon}",
        ("RevIN MSE", "LastValue MSE", "Identity MSE", "SeasonalNaive MSE", "Repeat MSE"),
        MSE,
        log=True,
    ),
    "accuracy_tying": DotPlot("{network}", ("tied", "untied"), MSE, panel="{data}"),
    "accuracy_online": DotPlot(
        "{data}, {maps}, {horizon}", ("change %",), "change of the error in %", line=0
    ),
    "backbone_speed": DotPlot("{backbone}", ("ratio",), "times as fast as plain code", line=1),
    "cuda_speed": DotPlot(
        "{what}", ("package windows/s", "plain windows/s"), "windows a second", log=True
    ),
    "distributed_speed": DotPlot(
        "{what}", ("ratio", "target", "bound"), "times as fast as the first", line=1
    ),
    "interval_coverage": DotPlot(
        "{data}",
        ("80 %", "80 % raw", "95 %", "95 % raw"),
        "% covered",
        panel="{shift}",
    ),
    "interval_coverage_short": DotPlot(
        "{data}, {rows}", ("80 %", "95 %", "width", "lopsided"), "", separate_axes=True
    ),
    "known_inputs": DotPlot(
        "{data}, {step}, {holidays}", ("MASE", "with", "near MASE", "near with"), "MASE"
    ),
    "larger_than_memory": DotPlot(
        "{backbone}, {way}", ("windows/s", "peak GiB", "own GiB"), "", separate_axes=True
    ),
    "layer_speed": DotPlot(
        "{shape}",
        ("forward", "backward", "to data"),
        "time / original formula",
        panel="{layer}",
        line=1,
        keep=lambda row: (
            row["threads"] == 1 and row["layer"] in ("RevIN", "original compiled", "RevIN compiled")
        ),
    ),
    "learned_inputs": DotPlot("{backbone}, {inputs}", ("without", "with", "window only"), "MSE"),
    "many_series": DotPlot(
        "{series} series, {options}", ("seconds", "core s", "peak GiB"), "", separate_axes=True
    ),
    "peers_forecast": DotPlot(
        "{program}", ("seconds", "core s", "peak MiB"), "", separate_axes=True
    ),
    "peers_training": DotPlot(
        "{model}: {contender}", ("train windows/s", "predict windows/s"), "a second", log=True
    ),
    "ridge_speed": DotPlot(
        "{rows} x {channels}, {look-back} -> {horizon}",
        ("fit s", "moments s", "blocks s"),
        "seconds",
        log=True,
    ),
    "shift_dated": DotPlot(
        "{data}",
        ("RevIN", "before", "LastValue"),
        "error divided by that without normalizer",
        log=True,
        line=1,
    ),
    "service_speed": DotPlot(
        "{model}", ("worker ms", "reading ms", "process ms"), "processor milliseconds of a request"
    ),
    "smoothing_check": DotPlot(
        "{data}: {method}",
        ("level", "slope", "season", "errors", "average"),
        "largest difference in standard deviations",
        log=True,
    ),
    "speed_ratios": DotPlot(
        "{what}<br><i>{reference}</i>",
        ("ratio", "bound"),
        "time relative to the reference",
        log=True,
        line=1,
    ),
    "sweep_speed": DotPlot(
        "{size of}",
        ("choose s", "solve s", "sums s", "blocks s", "PatchTST epoch s"),
        "seconds",
        log=True,
    ),
    "table_fuzz": DotPlot("{kind}", ("share",), "share of the files that were read"),
    "update_speed": DotPlot(
        "{model}: {series} x {rows}", ("fit s", "update s"), "processor seconds", log=True
    ),
    "training_speed": DotPlot("{backbone}", ("time ratio",), "package / plain loop, time", line=1),
}


def draw_figure(name: str, rows: Rows) -> graph_objects.Figure | None:
    """Return the figure of a page's rows; None if the page has none."""
    if name in CUSTOM_FIGURES:
        return CUSTOM_FIGURES[name](rows)
    return DOT_PLOTS[name].draw(rows) if name in DOT_PLOTS else None


def draw_authors_outputs(rows: Rows) -> graph_objects.Figure:
    """Draw the largest difference of each fixture; a logarithmic axis has no place for 0."""
    column = "largest difference"
    raised = [row | {column: max(float(row[column]), MIN_DIFFERENCE)} for row in rows]
    axis = f"largest absolute difference (0 is drawn at {MIN_DIFFERENCE:g})"
    figure = DotPlot("{fixture}", (column,), axis).draw(raised)
    return figure.update_xaxes(type="log", dtick=2, tickformat="~g")


def draw_closed_form(rows: Rows) -> graph_objects.Figure:
    """Draw the mean error of each variant over that of the best published method."""
    datasets: dict[str, Row] = {}
    for row in rows:
        variants = datasets.setdefault(row["data"], {"data": row["data"]})
        variants[f"{row['maps']}, {row['taught by']}"] = row["mean MSE"] / row["published"]
    pivoted = list(datasets.values())
    columns = tuple(dict.fromkeys(name for row in pivoted for name in row if name != "data"))
    axis = "mean squared error, mean of four horizons, over the best published"
    return DotPlot("{data}", columns, axis, line=1).draw(pivoted)


def draw_gift(rows: Rows) -> graph_objects.Figure:
    """Draw scores over those of the seasonal naive forecast, by task."""
    drawn: list[Row] = []
    for row in rows:
        is_task = row["seasonal naive"] is not None and "/" in row["task"]
        unit = row["seasonal naive"] if is_task else 1.0
        ratios = {name: row[name] / unit for name in GIFT_MODELS if row[name] is not None}
        drawn.append({"score": row["score"], "task": row["task"]} | ratios)
    axis = "score / seasonal naive"
    return DotPlot("{task}", GIFT_MODELS, axis, panel="{score}", line=1).draw(drawn)


def draw_thread_count(rows: Rows) -> graph_objects.Figure:
    """Draw the time of a step for each number of threads."""
    columns = tuple(name for name in rows[0] if name.startswith("ms on "))
    label = "{backbone}, {windows} x {channels}"
    return DotPlot(label, columns, "milliseconds a step", log=True).draw(rows)


def draw_scaling(rows: Rows) -> graph_objects.Figure:
    """Draw seconds over size."""
    from benchmarks.speed.scaling import draw_growth  # it imports everything it measures

    # Few ticks make a small file.
    return draw_growth(rows).update_yaxes(dtick="D2", tickformat="~g")


def draw_normalizer_audit(rows: Rows) -> graph_objects.Figure:
    """Draw which class keeps which promise; promises that a class does not claim are blank."""
    classes = [name for name in rows[0] if name != "promise"]
    legend = {"holds": ("holds", COLOURS[2]), "x": ("does not hold", COLOURS[1])}
    figure = graph_objects.Figure()
    for cell, (name, colour) in legend.items():
        cells = [(kind, row) for row in rows for kind in classes if row[kind].split()[0] == cell]
        figure.add_scatter(
            x=[kind for kind, _ in cells],
            y=[row["promise"] for _, row in cells],
            name=name,
            mode="markers",
            marker={"symbol": "square", "size": 16, "color": colour},
        )
    promises = [row["promise"] for row in rows]
    figure.update_xaxes(categoryorder="array", categoryarray=classes, showgrid=False)
    figure.update_xaxes(title="blank: not claimed, or not applicable")
    figure.update_yaxes(categoryorder="array", categoryarray=promises[::-1], showgrid=False)
    return apply_style(figure, len(rows))


def draw_shift_verdicts(rows: Rows) -> graph_objects.Figure:
    """Draw how often the verdict agrees with a significant sign, for each family."""
    significant = [row for row in rows if row["sign"] is not None]
    families = list(dict.fromkeys(row["family"] for row in significant))
    counts = Counter((row["family"], _classify_agreement(row)) for row in significant)
    figure = graph_objects.Figure()
    colours = {"agrees": COLOURS[2], CANNOT_TELL: "#cccccc", "disagrees": COLOURS[1]}
    for kind, colour in colours.items():
        figure.add_bar(
            x=[counts[name, kind] for name in families],
            y=families,
            name=kind,
            orientation="h",
            marker={"color": colour},
        )
    figure.update_layout(barmode="stack", legend={"traceorder": "normal"})
    figure.update_xaxes(title="channels where the gain has a clear sign; families left out in turn")
    figure.update_yaxes(categoryorder="array", categoryarray=families[::-1])
    return apply_style(figure, len(families))


def _classify_agreement(row: Row) -> str:
    if row["verdict"] == CANNOT_TELL:
        return CANNOT_TELL
    return "agrees" if row["verdict"] == row["sign"] else "disagrees"


CUSTOM_FIGURES: dict[str, Callable[[Rows], graph_objects.Figure]] = {
    "authors_outputs": draw_authors_outputs,
    "accuracy_closed_form": draw_closed_form,
    "accuracy_gift": draw_gift,
    "accuracy_panel": draw_panel,
    "accuracy_zero_shot": draw_zero_shot,
    "level_risk": draw_level_risk,
    "normalizer_audit": draw_normalizer_audit,
    "panel_choices": draw_panel_choices,
    "accuracy_pretrained_member": draw_member,
    "scaling": draw_scaling,
    "shift_verdicts": draw_shift_verdicts,
    "thread_count": draw_thread_count,
    "zero_shot_ablations": draw_ablations,
}
