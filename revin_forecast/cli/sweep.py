"""The command `sweep`: solve and score closed-form linear maps of all sizes."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

from revin_forecast.cli.load_split import load_split
from revin_forecast.cli.options import Without
from revin_forecast.cli.output import describe_notes, print_json, print_table, print_text
from revin_forecast.cli.validation import require_dataset, require_positive
from revin_forecast.data.formatting import pluralize
from revin_forecast.data.reading.reading_options import ReadingOptions
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch.
    from revin_forecast.closed_form.sweep_result import SweepResult
    from revin_forecast.data.split import ChronologicalSplit
    from revin_forecast.evaluation.sweep import SweepEvaluation


TRANSFORM_NAMES = {"log": "logarithm", "sqrt": "square root"}
MAX_OWN_CHANNELS = 64
"""Channels up to which a map for each is tried by default: each takes about half a second."""


def sweep(
    file_or_dataset: str,
    data_dir: str | None = None,
    lookback: list[int] | None = None,
    horizon: list[int] | None = None,
    blocks: int = 4,
    per_channel: bool | None = None,
    profile: bool | None = None,
    robust: bool = True,
    transform: bool = True,
    keep_level: bool = True,
    refit: bool = True,
    season: int | None = None,
    reading: Annotated[
        ReadingOptions, Without(("inputs", "missing", "outliers", "decimal"))
    ] = ReadingOptions(),  # noqa: B008
    json: bool = False,
) -> None:
    """Solve every look-back, penalty and horizon in closed form and score every test window.

    Look-backs, penalties and additions to the maps are chosen by cross-validation on blocks of time
    in the training and validation rows: an addition is kept if it gains more than a standard error
    on the blocks. Errors are on data z-scored by the training rows. A catalogued data set has its
    standard split, a file the split 7:1:2.

    Args:
        file_or_dataset: catalogued data set (`revin-forecast datasets` lists them), or CSV,
            Excel, Parquet, Arrow, JSON lines, SQLite (file.db::table).
        data_dir: folder of the catalogued data sets.
        lookback: look-backs to try; by default those of 96 336 512 720 that the rows allow, and
            1440 with at least 34,560 rows and at most 16 columns.
        horizon: horizons to forecast; by default those of 96 192 336 720 that the rows allow.
        blocks: number of blocks of time, each left out once.
        per_channel: try to adapt the shared map to each channel; by default with up to 64 channels.
        profile: try to subtract a share of each channel's mean season; by default if the season is
            known.
        robust: try to average with a second solve, in which poorly explained windows count less.
        transform: try the logarithm and the square root of a table of positive values.
        keep_level: keep a share of levels that return to their mean.
        refit: solve the chosen maps on training and validation rows instead of training rows only.
        season: steps per season of the profile and of SeasonalNaive; by default that of the data
            set or of the file's frequency.
        reading: how the file is read.
        target: score only these columns.
        json: print one JSON object instead of a table.
    """
    require_positive(season=season)
    require_dataset(file_or_dataset)
    data = load_split(file_or_dataset, reading, data_dir, season)
    series, borders, season = data.series, data.borders, data.season
    if profile and season < 2:
        raise InputError(
            f"--profile subtracts a season, but the season of {file_or_dataset} is unknown. Pass "
            "its number of rows as --season, or leave --profile out."
        )
    with progress(f"sweeping {file_or_dataset}"):
        from revin_forecast.closed_form.sweep_result import SweepGrid
        from revin_forecast.data.split import ChronologicalSplit
        from revin_forecast.evaluation.sweep import evaluate_sweep

        split = ChronologicalSplit(series.values, borders.train, borders.validation, borders.test)
        sizes = _window_sizes(split, lookback, horizon, blocks)
        if per_channel is None:
            per_channel = split.channels <= MAX_OWN_CHANNELS
        profile_season = season if season > 1 and profile is not False else None
        grid = SweepGrid(
            *sizes,
            blocks=blocks,
            per_channel=per_channel,
            season=profile_season,
            robust=robust,
            keep_levels=keep_level,
        )
        evaluation = evaluate_sweep(split, grid, season, refit, transforms=transform)
    if json:
        print_json(_to_dict(file_or_dataset, evaluation, refit) | {"notes": series.notes})
    else:
        _print_result(file_or_dataset, evaluation, season, len(series.names))
        for note in describe_notes(series.notes):
            print_text(note)


def _window_sizes(
    split: "ChronologicalSplit",
    lookbacks: list[int] | None,
    horizons: list[int] | None,
    blocks: int,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return look-backs and horizons; by default those of the grid that the rows allow."""
    from revin_forecast.closed_form.sweep_selection import SweepGrid, list_candidate_lookbacks

    if horizons is None:
        largest = min(split.test - split.validation, split.validation // (3 * max(1, blocks)))
        candidates = SweepGrid().horizons
        horizons = [size for size in candidates if size <= largest] or [max(1, largest // 2)]
    if lookbacks is None:
        largest = split.validation - (blocks + 1) * max(horizons)
        candidates = list_candidate_lookbacks(split.validation, split.channels)
        lookbacks = [size for size in candidates if size <= largest // 2] or [max(1, largest // 4)]
    return tuple(sorted(set(lookbacks))), tuple(sorted(set(horizons)))


def _to_dict(name: str, evaluation: "SweepEvaluation", refit: bool) -> dict[str, object]:
    """Return an evaluation as plain values."""
    result = evaluation.sweep_result
    # An infinite penalty becomes null in JSON.
    choice: dict[str, object] = {"shared": result.shared_choices}
    if result.channel_penalties:
        choice["own_penalties"] = [list(penalties) for penalties in result.channel_penalties]
    if result.grid.season is not None:
        choice["season"] = result.grid.season
        choice["profile_share"] = result.profile_share
    if result.robust_shares:
        choice["robust_shares"] = [list(shares) for shares in result.robust_shares]
    if result.level_shares:
        choice["level_shares"] = list(result.level_shares)
    choice["transform"] = None if result.transform is None else result.transform.kind
    choice["trials"] = [asdict(admission) for admission in result.admissions]
    return {
        "dataset": name,
        "refit": refit,
        "choose_seconds": evaluation.choose_seconds,
        "solve_seconds": evaluation.solve_seconds,
        "chosen": choice,
        "horizons": [
            {
                "horizon": horizon.horizon,
                **asdict(horizon.scores),
                "closed_form_mse": horizon.closed_form_mse,
                "repeat": asdict(horizon.repeat),
                "seasonal_naive": asdict(horizon.seasonal_naive),
            }
            for horizon in evaluation.horizons
        ],
    }


def _print_result(name: str, evaluation: "SweepEvaluation", season: int, channels: int) -> None:
    result = evaluation.sweep_result
    rows = []
    naive = ("Repeat, MSE", f"SeasonalNaive ({season}), MSE")
    headings = ("horizon", "look-backs", "MSE", "MAE", *naive)
    for horizon, choice in zip(evaluation.horizons, result.shared_choices, strict=True):
        sizes = "last value" if choice.lookbacks == (1,) else " + ".join(map(str, choice.lookbacks))
        naive_errors = (horizon.repeat.mse, horizon.seasonal_naive.mse)
        errors = (horizon.scores.mse, horizon.scores.mae, *naive_errors)
        rows.append((str(horizon.horizon), sizes, *(f"{error:.4f}" for error in errors)))
    mean = sum(horizon.scores.mse for horizon in evaluation.horizons) / len(evaluation.horizons)
    details = "".join(f"; {detail}" for detail in _describe_additions(result, season, channels))
    seconds = evaluation.choose_seconds + evaluation.solve_seconds
    print(
        f"{name}: {pluralize(channels, 'channel')}, all test windows, z-scored by the training "
        f"part; chosen and solved in {seconds:.1f} s{details}"
    )
    print_table(headings, rows, left={"look-backs"})
    print(f"mean MSE {mean:.4f}")
    trials = [
        (
            trial.name,
            f"{trial.admitted} of {trial.tried}",
            f"{100 * trial.gain:.1f} %" if trial.admitted else "",
        )
        for trial in result.admissions
    ]
    if trials:
        print_table(("tried on the blocks", "kept", "less error"), trials)


def _describe_additions(result: "SweepResult", season: int, channels: int) -> list[str]:
    """Return a phrase for each addition that was kept."""
    details = []
    if result.channel_penalties:
        adapted = sum(any(penalties) for penalties in result.channel_penalties)
        details.append(f"{adapted} of {channels} channels have their own map")
    if result.grid.season is not None:
        details.append(f"{result.profile_share:.0%} of the {season}-row profile subtracted")
    if any(map(any, result.robust_shares)):
        details.append("averaged with a robust solve")
    if result.transform is not None:
        details.append(f"fitted to the {TRANSFORM_NAMES[result.transform.kind]} of the values")
    if result.level_shares:
        kept = sum(share > 0 for share in result.level_shares)
        details.append(f"{kept} of {channels} channels keep a share of their level")
    return details
