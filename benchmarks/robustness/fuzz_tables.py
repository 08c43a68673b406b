"""Thousands of damaged tables: each ends in a series with every value right, or in one line."""

import random
import re
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.robustness.damaged_tables import damaged
from benchmarks.robustness.reference_reader import DisagreementError, compare
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

TEXT = """
# Damaged tables

Small tables as people have them (wide and long; comma, semicolon, tab, bar; points and commas
before the decimals, groups of digits; eleven encodings and ends of line; time zones, clock changes,
business days, month ends), with rows, cells, headers and bytes damaged at random. Each is read with
`read_series` and no options. `accepted`: the series was compared, value by value, stamp by stamp
and name by name, with a second reader that shares no code with the first
(`benchmarks/robustness/reference_reader.py`). `refused`: one line that names the file. `traceback`: anything else was
raised. `differs`: the two readers disagree, so something was changed silently. Repeat with

    python -m benchmarks.robustness.fuzz_tables --files {files} --seed {seed}
"""
QUICK = 200


def outcome(path: Path, data: bytes) -> tuple[str, str, int]:
    """Return what came of a file, in a word and in detail, and how many values were compared."""
    path.write_bytes(data)
    try:
        series = read_series(path)
    except InputError as error:
        message = str(error)
        fine = "\n" not in message and path.name in message and len(message) < 700
        return ("refused" if fine else "bad message"), message, 0
    except Exception as error:
        return "traceback", repr(error), 0
    if data.startswith(b"PAR1"):
        return "accepted", "", 0
    try:
        return "accepted", "", compare(data, series)
    except DisagreementError as error:
        return "differs", str(error), 0


def kind_of(message: str) -> str:
    """Return a message without what is the file's own."""
    message = re.sub(r"(?<=the first is )\S*/table[^,: ]*", "_", message)
    message = re.sub(r"^\S*/table\S*?(, line \d+)?(, column '.*?')?:? ", "", message)
    return re.sub(r"'.*?'|\"[^\"]*\"|\[.*?\]|0x\w\w|\d[\d:. +-]*", "_ ", message)[:60]


def fuzzed(seed: int, numbers: range, keep: Path | None) -> tuple[Counter, Counter, int]:
    """Return how files ended, what was told, and how many values were compared."""
    ends, kinds, values = Counter(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            ending, data = damaged(random.Random(f"{seed} {number}"))
            end, detail, compared = outcome(Path(folder) / f"table{ending}", data)
            ends[end] += 1
            values += compared
            if end == "refused":
                kinds[kind_of(detail)] += 1
            elif end != "accepted":
                print(number, end, detail, data[:300], flush=True)
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}{ending}").write_bytes(data)
    return ends, kinds, values


@measurement(
    "table_fuzz",
    quick=f"{QUICK} files, one process",
    options={
        "--files": {"type": int, "default": 20_000},
        "--seed": {"type": int, "default": 0},
        "--processes": {"type": int, "default": 2},
        "--keep": {"type": Path, "help": "leave the files that fail here"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    files = QUICK if options.quick else options.files
    start = time.perf_counter()
    ends, kinds, values = Counter(), Counter(), 0
    if options.quick:
        parts = [fuzzed(options.seed, range(files), options.keep)]
    else:
        shares = [range(first, files, options.processes) for first in range(options.processes)]
        with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
            parts = list(pool.map(partial(fuzzed, options.seed, keep=options.keep), shares))
    for part_ends, part_kinds, part_values in parts:
        ends, kinds, values = ends + part_ends, kinds + part_kinds, values + part_values
    told = "\n".join(f"* {count}: {kind}" for kind, count in kinds.most_common(40))
    page.text = TEXT.format(files=files, seed=options.seed).strip()
    page.text += f"\n\n{values} values were compared. The messages, most frequent first:\n\n{told}"
    page.environment.update(
        files=files, seed=options.seed, values=values, seconds=round(time.perf_counter() - start, 1)
    )
    for end in ("accepted", "refused", "bad message", "traceback", "differs"):
        page.add({"end": end, "files": ends[end], "share": ends[end] / files})
    print(f"{values} values compared")
    if ends["accepted"] + ends["refused"] < files:
        raise SystemExit("some files were read wrongly or ended in a traceback; see above")


if __name__ == "__main__":
    main()
