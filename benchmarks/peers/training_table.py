"""The training table: rounds in which the entries alternate, and their rows."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from benchmarks.evidence import Row
from benchmarks.peers.entries import Entry
from benchmarks.peers.programs.protocol import Job, Result, write_job
from benchmarks.peers.run_process import ProcessResult, run_process


@dataclass(frozen=True)
class Rounds:
    """Number of rounds, in each of which all entries run, and how they run."""

    count: int
    """Number of rounds, of which the median is shown."""
    batches: int | None
    """Steps that an epoch is cut to after the first round; None: whole epochs."""
    before: tuple[str, ...] = ()
    """Words before each measured command, such as taskset -c 1."""


class Turn(NamedTuple):
    """Measurement of one entry in one round."""

    result: Result
    """Measured by the process itself."""
    process: ProcessResult
    """Measured from outside."""


def run_rounds(
    job: Job, entries: Sequence[Entry], rounds: Rounds, scratch: Path
) -> dict[str, list[Turn]]:
    """Let the entries that have a job's model do it one after the other, in each round."""
    path = scratch / "job.json"
    able = [entry for entry in entries if job.model in entry.models]
    turns: dict[str, list[Turn]] = {entry.name: [] for entry in able}
    for number in range(rounds.count):
        # The first round trains whole epochs, for the error; the others are for the speed.
        cut = rounds.batches if number else None
        write_job(replace(job, work=replace(job.work, batches=cut)), path)
        for entry in able:
            process = run_process(entry.build_command(path), rounds.before)
            turns[entry.name].append(parse_turn(process))
            print(job.model, entry.name, turns[entry.name][-1].result, flush=True)
    return turns


def parse_turn(process: ProcessResult) -> Turn:
    """Parse the last line that a process printed: its result, which does not count as printed."""
    line = process.out.rstrip("\n").rpartition("\n")[2]
    result_bytes = len(f"\n{line}\n".encode())
    printed = process.printed - result_bytes
    return Turn(Result(**json.loads(line)), replace(process, printed=printed))


def build_training_rows(job: Job, turns: dict[str, list[Turn]]) -> list[Row]:
    """Return a row for each entry; ratios are relative to the first one.

    A ratio is the median over the rounds, because a busy minute slows the neighbours in a round
    alike. Error, whole time and memory are those of the first round, which has whole epochs.
    """
    first = next(iter(turns.values()))
    return [_build_row(job, name, own, first) for name, own in turns.items()]


def _build_row(job: Job, name: str, own: list[Turn], first: list[Turn]) -> Row:
    whole = own[0]
    return {
        "model": job.model,
        "contender": name,
        "parameters": whole.result.parameters,
        "train windows/s": round(job.work.batch_size / _median(own, "step_s")),
        "train x": _median_ratio(own, first, "step_s"),
        "fit s": whole.result.fit_s,
        "predict windows/s": round(whole.result.windows / _median(own, "predict_s")),
        "predict x": _median_ratio(own, first, "predict_s"),
        "peak MiB": round(whole.process.peak_mib),
        "memory x": whole.process.peak_mib / first[0].process.peak_mib,
        "import s": _median(own, "import_s"),
        "printed bytes": whole.process.printed,
        "MSE": whole.result.mse,
    }


def _median(own: list[Turn], name: str) -> float:
    return statistics.median(getattr(turn.result, name) for turn in own)


def _median_ratio(own: list[Turn], first: list[Turn], name: str) -> float:
    pairs = zip(own, first, strict=True)
    return statistics.median(getattr(a.result, name) / getattr(b.result, name) for a, b in pairs)
