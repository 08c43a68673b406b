"""The pretrained network alone, compared with committed results of other models."""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.accuracy import default_choice
from benchmarks.accuracy.gift import QUICK_ROWS, QUICK_TASKS
from benchmarks.accuracy.gift_tasks import TASKS, load_task
from benchmarks.accuracy.held_out_tables import TABLES, HeldOutTable, load_table
from benchmarks.accuracy.panel import QUICK_EVERY, group_tasks
from benchmarks.accuracy.panel_tasks import load_tasks
from benchmarks.accuracy.planned_row import PlannedRow
from benchmarks.accuracy.zero_shot_forecasts import describe_weights
from benchmarks.accuracy.zero_shot_rows import (
    PanelResult,
    read_gift_peers,
    read_panel_peers,
    read_product_peers,
    score_gift_task,
    score_table,
    summarize_rows,
)
from benchmarks.accuracy.zero_shot_variants import shipped_weights_replaced
from benchmarks.evidence import Row
from revin_forecast.data.catalog import catalog
from revin_forecast.pretrained.load_weights import WEIGHTS_PATH

SETS = ("product", "gift", "panel")
OWN, DEFAULT = "Pretrained", "default"
ALL, ETT = "all", "all of ETT"
PANEL_LOOKS = 5
"""How often versions of the network were scored on the panel, by this program and before."""
TABLE_LOOKS = 6
"""How often they were scored on the other two sets."""
TEXT = f"""
# The pretrained network alone

`Pretrained` forecasts series that it never saw and is not fitted to them. Synthetic series alone
taught it ([idea, design and limits](../theory/zero_shot.md)). Its season is found by the package
from the dates and values before the forecast. Positive series are forecast on values and on
logarithms. The forecast that is scored is the median.

**panel** has the 267 series of [everyday series](accuracy_panel.md), with the same two origins,
scales and scores; the rows of the other models are copied from that page, whose default does
without the network ([with it](accuracy_pretrained_member.md)). They are development data of the
default forecaster. No real series taught the network, but versions of its design and
of its generator were compared on this panel: {PANEL_LOOKS} looks, counted with those of this page.

**product** has the 23 tables of [the default choice](accuracy_product.md), and **gift** the twelve
tasks of [GIFT-Eval](accuracy_gift.md), with the same origins, scales and scores as there: MASE of
the median, and WQL of the deciles under `QL / naive`. Each channel is forecast by itself, with one
season for all channels of a table. The network sees its last 512 rows, three seasons or a week,
whichever is longest. Other models see up to 1,000 rows (product), or learned from all rows before
the test part (the default). Versions were scored {TABLE_LOOKS} times on these two sets. The rows of
other models are copied from the two pages, where the published ones have their sources.

Columns. `/ naive` is the geometric mean over series, tables or tasks of MASE over that of the
seasonal naive forecast, which gets the season; for `clipped` each ratio is first drawn into 1/3 to
3. `MASE` is a mean. `QL / naive` is the ratio of mean quantile losses (panel), or the geometric
mean of the ratios of WQL (gift); `QL geometric` is the geometric mean over series. `80 %` and
`95 %` are the percentages of held-out values inside the intervals. `s` is the mean of the processor
seconds a series and forecast, in batches, with one thread. Brackets have the bootstrap 95 %
confidence interval over series, tables or tasks. `weights` are the first digits of the SHA-256 of
the file of weights. The panel has families within frequencies only in the rows of the network. The
figure shows `/ naive`. Repeat with

    python -m benchmarks.accuracy.run --grid zero-shot --threads 1 --data-dir DATA

`--data product gift` measures these sets alone, `--missing` keeps the rows of the others, and
`--weights FILE` scores another file of weights.
"""


def plan_rows(
    names: Sequence[str],
    data_dir: str | None,
    quick: bool,
    seeds: int,
    weights: Path = WEIGHTS_PATH,
) -> Iterator[PlannedRow]:
    """Plan a row for each table, task and group of the panel; names are sets."""
    if seeds != 1:
        raise SystemExit("--grid zero-shot has no random part; leave --seeds out.")
    unknown = {*names} - {*SETS}
    if unknown:
        raise SystemExit(f"--data got {sorted(unknown)}; the sets are {', '.join(SETS)}.")
    folder = Path(catalog.data_folder(data_dir))
    planners = {"product": _plan_product, "gift": _plan_gift, "panel": _plan_panel}
    for name in SETS:
        if name in (names or SETS):
            yield from planners[name](folder, quick, weights)


def add_summary_rows(rows: Sequence[Row]) -> list[Row]:
    """Add means over the tables and over the tasks, followed by those of other models."""
    summarized: list[Row] = []
    for name in SETS:
        inside = [row for row in rows if row["set"] == name]
        if name != "panel":
            inside = [row for row in inside if not row["group"].startswith(ALL)]
            if inside:
                inside += _summarize_product(inside) if name == "product" else _summarize(inside)
        summarized += inside
    return summarized


def _plan_product(folder: Path, quick: bool, weights: Path) -> Iterator[PlannedRow]:
    tables = default_choice.QUICK_TABLES if quick else TABLES
    for index, (name, table) in enumerate(tables.items()):
        measure = partial(_measure_table, table, folder, weights)
        yield PlannedRow(_make_key("product", None, name, OWN), measure)
        if not quick:
            columns = read_product_peers()[DEFAULT][index]
            yield _copy_row(_make_key("product", None, name, DEFAULT), columns)


def _plan_gift(folder: Path, quick: bool, weights: Path) -> Iterator[PlannedRow]:
    for task in TASKS:
        if not quick or task.name in QUICK_TASKS:

            def measure(task=task) -> Row:
                loaded = load_task(task, folder, QUICK_ROWS if quick else None)
                with shipped_weights_replaced(weights):
                    return score_gift_task(loaded) | {"weights": describe_weights(weights)}

            yield PlannedRow(_make_key("gift", None, task.name, OWN), measure)


def _plan_panel(folder: Path, quick: bool, weights: Path) -> Iterator[PlannedRow]:
    tasks = load_tasks(folder / "panel", every=QUICK_EVERY if quick else 1)
    result = PanelResult(tasks)
    for origin in (1, 2):
        for (frequency, family), indices in group_tasks(tasks, origin).items():
            group = frequency if family == ALL else f"{frequency}, {family}"

            def measure(indices=indices) -> Row:
                with shipped_weights_replaced(weights):
                    return result.score_group(indices) | {"weights": describe_weights(weights)}

            yield PlannedRow(_make_key("panel", origin, group, OWN), measure)
            if not quick and (family == ALL or frequency in ("yearly", "weekly", "daily")):
                for model, row in read_panel_peers(origin, frequency, family).items():
                    yield _copy_row(_make_key("panel", origin, group, model), row)


def _measure_table(table: HeldOutTable, folder: Path, weights: Path) -> Row:
    with shipped_weights_replaced(weights):
        return score_table(load_table(table, folder), table) | {
            "weights": describe_weights(weights)
        }


def _summarize_product(rows: Sequence[Row]) -> list[Row]:
    own = [row for row in rows if row["model"] == OWN]
    summary = summarize_rows(own) | {"weights": own[0]["weights"]}
    summaries = [_make_key("product", None, ALL, OWN) | summary]
    if len(own) == len(TABLES):
        for model, columns in read_product_peers().items():
            key = _make_key("product", None, ALL, model)
            summaries.append(key | summarize_rows(columns) | {"weights": None})
    return summaries


def _summarize(rows: Sequence[Row]) -> list[Row]:
    """Return the rows over the tasks of GIFT-Eval."""
    summaries: list[Row] = []
    for group in (ALL, ETT):
        inside = [row for row in rows if group == ALL or row["group"].startswith("ett")]
        if not inside:
            continue
        summary = summarize_rows(inside) | {"weights": inside[0]["weights"], "MASE": None}
        summaries.append(_make_key("gift", None, group, OWN) | summary)
        if len(rows) == len(TASKS):
            for model, columns in read_gift_peers(is_ett=group == ETT).items():
                summaries.append(
                    _make_key("gift", None, group, model) | columns | {"weights": None}
                )
    return summaries


def _make_key(name: str, origin: int | None, group: str, model: str) -> Row:
    return {"set": name, "origin": origin, "group": group, "model": model}


def _copy_row(key: Row, columns: Row) -> PlannedRow:
    return PlannedRow(key, lambda: columns | {"weights": None})
