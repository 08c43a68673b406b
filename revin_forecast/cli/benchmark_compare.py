"""The command `benchmark compare`: place models among the pinned results of a suite."""

from pathlib import Path

from revin_forecast.cli.output import print_json, print_table, print_text
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress


def compare(
    suite: str,
    out: str = "shift-benchmark",
    pinned: str | None = None,
    json: bool = False,
) -> None:
    """Place the models of a benchmark among pinned results, after a check that they are comparable.

    The suite may have other models than the pinned one, but the same data sets, windows and
    shifts. The errors of its references are compared with the pinned ones.

    Args:
        suite: YAML file from which the benchmark was run.
        out: folder that `benchmark --out` wrote to.
        pinned: JSON file of pinned results, such as docs/benchmarks/shift_quick/pinned.json.
        json: print one JSON object instead of tables.
    """
    if pinned is None:
        raise InputError(
            "benchmark compare needs --pinned FILE, the pinned results of the same suite, such as "
            "docs/benchmarks/shift_quick/pinned.json."
        )
    with progress("comparing results"):
        from revin_forecast.shift.aggregates import submission
        from revin_forecast.shift.aggregates.leaderboard import PLACEMENTS
        from revin_forecast.shift.suite.suite_yaml import read_suite

        parsed_suite = read_suite(suite)
        results = submission.read_pinned(Path(pinned))
        tables = submission.read_tables(Path(out))
        submission.check_submission(results, parsed_suite, tables)
        places = {column: submission.rank_models(results, tables, column) for column in PLACEMENTS}
    if json:
        print_json({"suite": results["suite"], "pinned": pinned, "places": places})
        return
    print_text(
        f"The references have the pinned errors of {results['suite']}: the results are comparable. "
        "Models are in the order of their ranked error, the larger of MASE* and the undamped error "
        "(a damped copy of a model has that of the model); those without skill come last. * marks "
        "yours."
    )
    for column, rows in places.items():
        print_text(f"\n{column}")
        print_table(
            ("place", "backbone", "normalizer", "MASE*", "undamped", "ranked", ""),
            [
                (
                    row["place"],
                    row["backbone"],
                    row["normalizer"],
                    f"{row['mase']:.3f}",
                    "" if row["undamped"] is None else f"{row['undamped']:.3f}",
                    f"{row['ranked']:.3f}" if row["skilled"] else "low skill",
                    "*" if row["is_submitted"] else "",
                )
                for row in rows
            ],
        )
