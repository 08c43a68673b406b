"""Reading of thousands of damaged tables: every value right, or an error of one line."""

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
from benchmarks.robustness.damaged_tables import make_damaged_table
from benchmarks.robustness.reference_reader import DisagreementError, compare_with_reference
from revin_forecast.data.reading.read_series import read_series
from revin_forecast.errors import InputError

TEXT = """
# Damaged tables

Small tables as they occur in practice (wide and long; comma, semicolon, tab, bar; decimal points
and commas, grouped digits; eleven encodings and line endings; time zones, clock changes, business
days, month ends), with rows, cells, headers and bytes damaged at random. Each is read with
`read_series` without options. `accepted`: the series was compared, value by value, timestamp by
timestamp and name by name, with a second reader that shares no code with the first
(`benchmarks/robustness/reference_reader.py`). `refused`: an error of one line that names the file.
`traceback`: any other exception. `differs`: the two readers disagree, so something was changed
silently. Repeat with

    python -m benchmarks.robustness.fuzz_tables --files {files} --seed {seed}
"""
QUICK_FILES = 200
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
        results = [read_damaged_tables(options.seed, range(files), options.keep)]
    else:
        shares = [range(first, files, options.processes) for first in range(options.processes)]
        read_share = partial(read_damaged_tables, options.seed, keep=options.keep)
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
    for end in ("accepted", "refused", "bad message", "traceback", "differs"):
        page.add({"end": end, "files": ends[end], "share": ends[end] / files})
    print(f"{values} values compared")
    if ends["accepted"] + ends["refused"] < files:
        raise SystemExit("some files were read wrongly or ended in a traceback; see above")


def read_damaged_tables(
    seed: int, numbers: range, keep: Path | None
) -> tuple[Counter, Counter, int]:
    """Return counts of outcomes and of messages, and the number of values compared."""
    ends, messages, values = Counter(), Counter(), 0
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            # Each file has its own seed, so that one that fails can be made again alone.
            ending, data = make_damaged_table(random.Random(f"{seed} {number}"))
            end, detail, compared = classify_outcome(Path(folder) / f"table{ending}", data)
            ends[end] += 1
            values += compared
            if end == "refused":
                messages[generalize_message(detail)] += 1
            elif end != "accepted":
                print(number, end, detail, data[:300], flush=True)
                if keep:
                    keep.mkdir(parents=True, exist_ok=True)
                    (keep / f"{number}{ending}").write_bytes(data)
    return ends, messages, values


def classify_outcome(path: Path, data: bytes) -> tuple[str, str, int]:
    """Read a file; return the outcome, its detail and the number of values compared."""
    path.write_bytes(data)
    try:
        series = read_series(path)
    except InputError as error:
        message = str(error)
        is_short = "\n" not in message and len(message) < MAX_MESSAGE_CHARACTERS
        is_good = is_short and path.name in message
        return ("refused" if is_good else "bad message"), message, 0
    except Exception as error:
        return "traceback", repr(error), 0
    if data.startswith(b"PAR1"):  # Parquet, which the second reader does not know
        return "accepted", "", 0
    try:
        return "accepted", "", compare_with_reference(data, series)
    except DisagreementError as error:
        return "differs", str(error), 0


def generalize_message(message: str) -> str:
    """Return a message without the names and numbers of its file."""
    message = re.sub(r"(?<=the first is )\S*/table[^,: ]*", "_", message)
    message = re.sub(r"^\S*/table\S*?(, line \d+)?(, column '.*?')?:? ", "", message)
    return re.sub(r"'.*?'|\"[^\"]*\"|\[.*?\]|0x\w\w|\d[\d:. +-]*", "_ ", message)[:60]


if __name__ == "__main__":
    main()
