"""Reading of thousands of odd tables: every value right, or an error of one line."""

import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.evidence import EvidencePage, Options, measurement
from benchmarks.robustness.damaged_tables import make_damaged_table
from benchmarks.robustness.reference_reader import DisagreementError, compare_with_reference
from benchmarks.robustness.strangers_tables import (
    StrangersTable,
    compare_with_truth,
    make_strangers_table,
)
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.data.series import Series
from revin_forecast.errors import InputError

TEXT = """
# Damaged tables, and tables as strangers bring them

Half of the files are of each family.

**Damaged**: small tables as they occur in practice (wide and long; comma, semicolon, tab, bar;
decimal points and commas, grouped digits; eleven encodings and line endings; time zones, clock
changes, business days, month ends), with rows, cells, headers and bytes damaged at random. Each is
read with `read_series`, which keeps absurd values here (`--outliers keep`). `accepted`: the series
was compared, value by value, timestamp by timestamp and name by name, with a second reader that
shares no code with the first (`benchmarks/robustness/reference_reader.py`). `refused`: an error of
one line that names the file. `traceback`: any other exception. `differs`: the two readers disagree,
so something was changed silently.

**Strangers' tables** (`benchmarks/robustness/strangers_tables.py`): each has one habit or mistake,
and the series in it is known. `accepted`: exactly that series was read, with absurd values as
missing and without rows of totals and templates; where reading has to change or leave out
something, a note says so and names the line. A file with a wrong date must be refused with its
line. `differs`: other values were read. `silent`: the note is missing. The kinds of mistakes were
known while the reader was written; other files will have others.

Repeat with

    python -m benchmarks.robustness.fuzz_tables --files {files} --seed {seed}
"""
QUICK_FILES = 300
ENDS = ("accepted", "refused", "bad message", "silent", "traceback", "differs")
MAX_MESSAGE_CHARACTERS = 700
MAX_LISTED_MESSAGES = 40


@measurement(
    "table_fuzz",
    quick=f"{QUICK_FILES} files, one process",
    options={
        "--files": {"type": int, "default": 20_000},
        "--seed": {"type": int, "default": 0},
        "--processes": {"type": int, "default": 2},
        "--keep": {"type": Path, "help": "folder for the files that fail"},
    },
)
def main(options: Options, page: EvidencePage) -> None:
    """Read the files, in several processes unless in a quick run."""
    files = QUICK_FILES if options.quick else options.files
    start = time.perf_counter()
    if options.quick:
        results = [read_odd_tables(options.seed, range(files), options.keep)]
    else:
        shares = [range(first, files, options.processes) for first in range(options.processes)]
        read_share = partial(read_odd_tables, options.seed, keep=options.keep)
        with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
            results = list(pool.map(read_share, shares))
    ends, messages, values = Counter(), Counter(), 0
    for share_ends, share_messages, share_values in results:
        ends += share_ends
        messages += share_messages
        values += share_values
    listed = messages.most_common(MAX_LISTED_MESSAGES)
    lines = "\n".join(f"* {count}: {message}" for message, count in listed)
    page.text = TEXT.format(files=files, seed=options.seed).strip()
    page.text += f"\n\n{values} values were compared. The messages, most frequent first:\n\n{lines}"
    seconds = round(time.perf_counter() - start, 1)
    page.environment.update(files=files, seed=options.seed, values=values, seconds=seconds)
    for kind in sorted({kind for kind, _ in ends}):
        counts = {end: ends[kind, end] for end in ENDS}
        count = sum(counts.values())
        page.add({"kind": kind, "files": count, **counts, "share": counts["accepted"] / count})
    print(f"{values} values compared")
    if any(ends[key] for key in ends if key[1] not in ("accepted", "refused")):
        raise SystemExit("some files were read wrongly or ended in a traceback; see above")


def read_odd_tables(seed: int, numbers: range, keep: Path | None) -> tuple[Counter, Counter, int]:
    """Return counts of (kind, outcome) and of messages, and the number of values compared."""
    ends, messages, values = Counter(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            # Each file has its own seed, so that one that fails can be made again alone.
            dice = random.Random(f"{seed} {number}")
            if number % 2:
                table = make_strangers_table(dice)
                kind, ending, data = table.kind, table.ending, table.data
                outcome = classify_strangers_table(Path(folder) / f"table{ending}", table)
            else:
                kind, (ending, data) = "damaged", make_damaged_table(dice)
                outcome = classify_damaged_table(Path(folder) / f"table{ending}", data)
            end, detail, compared = outcome
            ends[kind, end] += 1
            values += compared
            if end == "refused":
                messages[generalize_message(detail)] += 1
            elif end != "accepted":
                print(number, kind, end, detail, data[:300], flush=True)
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}{ending}").write_bytes(data)
    return ends, messages, values


def classify_damaged_table(path: Path, data: bytes) -> tuple[str, str, int]:
    """Read a damaged file; return the outcome, its detail and the number of values compared."""
    path.write_bytes(data)
    series, end, detail = try_to_read(path, {"outliers": "keep"})
    if series is None:
        return end, detail, 0
    if data.startswith(b"PAR1"):  # Parquet, which the second reader does not know
        return "accepted", "", 0
    try:
        return "accepted", "", compare_with_reference(data, series)
    except DisagreementError as error:
        return "differs", str(error), 0


def classify_strangers_table(path: Path, table: StrangersTable) -> tuple[str, str, int]:
    """Read a stranger's file; return the outcome, its detail and the number of values compared."""
    path.write_bytes(table.data)
    series, end, detail = try_to_read(f"{path}{table.part}", table.options)
    if series is None:
        must_name_line = table.truth is None and end == "refused"
        is_bad = must_name_line and f"line {table.line}" not in detail
        return "bad message" if is_bad else end, detail, 0
    if table.truth is None:
        return "differs", "accepted", 0
    try:
        values = compare_with_truth(series, table.truth)
    except DisagreementError as error:
        return "differs", str(error), 0
    notes = " ".join(series.notes)
    is_noted = bool(notes) and (table.line is None or re.search(rf"lines? {table.line}\b", notes))
    if table.is_changed and not is_noted:
        return "silent", f"wanted line {table.line}, got {notes!r}", 0
    return "accepted", "", values


def try_to_read(path: str | Path, options: Mapping[str, Any]) -> tuple[Series | None, str, str]:
    """Read a file; return the series, or None with the outcome and its detail."""
    try:
        return read_series(path, **options), "accepted", ""
    except InputError as error:
        message = str(error)
        is_short = "\n" not in message and len(message) < MAX_MESSAGE_CHARACTERS
        is_good = is_short and "table." in message
        return None, "refused" if is_good else "bad message", message
    except Exception as error:
        return None, "traceback", repr(error)


def generalize_message(message: str) -> str:
    """Return a message without the names and numbers of its file."""
    message = re.sub(r"(?<=the first is )\S*/table[^,: ]*", "_", message)
    message = re.sub(r"^\S*/table\S*?(, line \d+)?(, column '.*?')?:? ", "", message)
    return re.sub(r"'.*?'|\"[^\"]*\"|\[.*?\]|0x\w\w|\d[\d:. +-]*", "_ ", message)[:60]


if __name__ == "__main__":
    main()
