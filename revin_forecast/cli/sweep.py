from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from revin_forecast.cli.output import print_json
from revin_forecast.cli.validation import require_dataset, require_positive
from revin_forecast.closed_form.sweep_result import SweepGrid
from revin_forecast.data.catalog import catalog
from revin_forecast.data.catalog.catalog import split_7_1_2
from revin_forecast.data.reading.frequency import default_season
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import pluralize
from revin_forecast.data.split import ChronologicalSplit
from revin_forecast.errors import InputError
from revin_forecast.evaluation.sweep import SweepEvaluation, evaluate_sweep
from revin_forecast.utils.progress import progress


def sweep(
    file_or_dataset: str,
    data_dir: str | None = None,
    lookbacks: list[int] | None = None,
    horizons: list[int] | None = None,
    blocks: int = 4,
    per_channel: bool = False,
    profile: bool = False,
    refit: bool = True,
    season: int | None = None,
    target: list[str] | None = None,
    time: str | None = None,
    id: str | None = None,
    value: str | None = None,
    frequency: str | None = None,
    json: bool = False,
) -> None:
    """Solve every look-back, penalty and horizon in closed form, and score every test window.

    Look-backs and penalties are chosen on blocks of time that are left out of training and
    validation rows in turn; errors are on data z-scored by the training rows. Splits are the
    standard ones, 7:1:2 for an own file.

    Args:
        file_or_dataset: a catalogued data set, or a CSV or Parquet file.
        data_dir: where catalogued files lie.
        lookbacks: to try; 96 336 512 720, or those of them that the rows allow.
        horizons: to forecast; 96 192 336 720, or those of them that the rows allow.
        blocks: that are left out in turn.
        per_channel: also try to change the shared map for each channel, kept where clearly better.
        profile: also try to take a share of each channel's mean season off, kept where clearly
            better.
        refit: solve the chosen maps on training and validation rows; else on training rows.
        season: rows of the profile and of SeasonalNaive; the data set's, or that of the file's
            frequency, if not given.
        target: score these columns only.
        time: name of the file's time column; found if not given.
        id: name of the series column of a long file.
        value: name of the value column of a long file.
        frequency: step between the file's rows; found if not given.
        json: print one JSON object instead of a table.
    """
    require_positive(season=season)
    require_dataset(file_or_dataset)
    if file_or_dataset in catalog.CATALOG:
        entry = catalog.find_entry(file_or_dataset)
        series, borders = catalog.load_dataset(file_or_dataset, data_dir), entry.borders
        series = series if target is None else series.select(target)
        season = season or entry.season
    else:
        with progress(f"reading {file_or_dataset}"):
            series = read_series(
                file_or_dataset, time=time, id=id, value=value, target=target, frequency=frequency
            )
        borders = split_7_1_2(len(series))
        season = season or default_season(series.frequency)
    split = ChronologicalSplit(series.values, borders.train, borders.validation, borders.test)
    sizes = _window_sizes(split, lookbacks, horizons, blocks)
    if profile and season < 2:
        raise InputError(
            f"--profile takes a season off, but {file_or_dataset} has none that is known. Name its "
            "rows with --season, or leave --profile out."
        )
    taken = season if profile else None
    settings = SweepGrid(*sizes, blocks=blocks, per_channel=per_channel, season=taken)
    with progress(f"sweeping {file_or_dataset}"):
        found = evaluate_sweep(split, settings, season, refit)
    if json:
        print_json(_to_dict(file_or_dataset, found, refit))
    else:
        _print_result(file_or_dataset, found, season, len(series.names))


def _window_sizes(
    split: ChronologicalSplit, lookbacks: list[int] | None, horizons: list[int] | None, blocks: int
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return look-backs and horizons; those that were not given are those that the rows allow."""
    usual = SweepGrid()
    if horizons is None:
        most = min(split.test - split.validation, split.validation // (3 * max(1, blocks)))
        horizons = [size for size in usual.horizons if size <= most] or [max(1, most // 2)]
    if lookbacks is None:
        most = split.validation - (blocks + 1) * max(horizons)
        lookbacks = [size for size in usual.lookbacks if size <= most // 2] or [max(1, most // 4)]
    return tuple(sorted(set(lookbacks))), tuple(sorted(set(horizons)))


def _to_dict(name: str, found: SweepEvaluation, refit: bool) -> dict[str, object]:
    """Return an evaluation as plain values."""
    choice: dict[str, object] = {"shared": found.sweep_result.shared_choices}  # infinity: null
    if found.sweep_result.channel_penalties:
        choice["own_penalties"] = [list(own) for own in found.sweep_result.channel_penalties]
    if found.sweep_result.grid.season is not None:
        choice["season"] = found.sweep_result.grid.season
        choice["profile_share"] = found.sweep_result.profile_share
    return {
        "dataset": name,
        "refit": refit,
        "choose_seconds": found.choose_seconds,
        "solve_seconds": found.solve_seconds,
        "chosen": choice,
        "horizons": [
            {
                "horizon": one.horizon,
                **asdict(one.scores),
                "closed_form_mse": one.closed_form_mse,
                "repeat": asdict(one.repeat),
                "seasonal_naive": asdict(one.seasonal_naive),
            }
            for one in found.horizons
        ],
    }


def _print_result(name: str, found: SweepEvaluation, season: int, channels: int) -> None:
    table = Table(box=None, pad_edge=False)
    naive = ("Repeat, MSE", f"SeasonalNaive ({season}), MSE")
    headings = ("horizon", "look-backs", "MSE", "MAE", *naive)
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "look-backs" else "right")
    for one, chosen in zip(found.horizons, found.sweep_result.shared_choices, strict=True):
        sizes = "last value" if chosen.lookbacks == (1,) else " + ".join(map(str, chosen.lookbacks))
        cells = (one.scores.mse, one.scores.mae, one.repeat.mse, one.seasonal_naive.mse)
        table.add_row(str(one.horizon), sizes, *(f"{cell:.4f}" for cell in cells))
    mean = sum(one.scores.mse for one in found.horizons) / len(found.horizons)
    own = sum(any(some) for some in found.sweep_result.channel_penalties)
    told = (
        f"; {own} of {channels} channels have maps of their own"
        if found.sweep_result.channel_penalties
        else ""
    )
    if found.sweep_result.grid.season is not None:
        told += (
            f"; {found.sweep_result.profile_share:.0%} of the profile of {season} rows taken off"
        )
    seconds = found.choose_seconds + found.solve_seconds
    console = Console()
    console.print(
        f"{name}: {pluralize(channels, 'channel')}, all test windows, z-scored by the training part; "
        f"chosen and solved in {seconds:.1f} s{told}",
        soft_wrap=True,
    )
    console.print(table)
    console.print(f"mean MSE {mean:.4f}")
