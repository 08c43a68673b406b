"""Rows of the training table: each contender's share of rounds in which all take turns."""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.peers.entries import Contender
from benchmarks.peers.programs.protocol import Job, Result, write_job
from benchmarks.peers.run_process import Ran, run

Row = dict[str, Any]


@dataclass(frozen=True)
class Rounds:
    """How often all take turns, and how."""

    count: int
    """Of rounds; the median counts."""
    batches: int | None
    """Steps that an epoch is cut to after the first round; None: it is not."""
    before: tuple[str, ...] = ()
    """Words before each measured command, such as taskset -c 1."""


class Turn(NamedTuple):
    """One contender's measurement in one round."""

    result: Result
    ran: Ran


def measured(
    job: Job,
    contenders: Sequence[Contender],
    rounds: Rounds,
    scratch: Path,
) -> dict[str, list[Turn]]:
    """Let the contenders that have a job's model do it, one after the other, in each round."""
    path = scratch / "job.json"
    able = [one for one in contenders if job.model in one.models]
    turns: dict[str, list[Turn]] = {one.name: [] for one in able}
    for number in range(rounds.count):
        cut = rounds.batches if number else None
        write_job(replace(job, work=replace(job.work, batches=cut)), path)
        for one in able:
            turns[one.name].append(turn(run(one.command(path), rounds.before)))
            print(job.model, one.name, turns[one.name][-1].result, flush=True)
    return turns


def turn(ran: Ran) -> Turn:
    """Return a process's result, the last line that it printed, which counts as not printed."""
    line = ran.out.rstrip("\n").rpartition("\n")[2]
    own = len(f"\n{line}\n".encode())
    return Turn(Result(**json.loads(line)), replace(ran, printed=ran.printed - own))


def training_rows(job: Job, turns: dict[str, list[Turn]]) -> list[Row]:
    """Return a row for each contender; the first one is what the ratios are relative to.

    A ratio is the median of the rounds' own: a busy minute slows the neighbours in a round alike.
    Error, whole time and memory are those of the first round, the one of whole epochs.
    """
    first = next(iter(turns.values()))
    return [_row(job, name, own, first) for name, own in turns.items()]


def _row(job: Job, name: str, own: list[Turn], first: list[Turn]) -> Row:
    whole = own[0]
    return {
        "model": job.model,
        "contender": name,
        "parameters": whole.result.parameters,
        "train windows/s": round(job.work.batch_size / _middle(own, "step_s")),
        "train x": _ratio(own, first, "step_s"),
        "fit s": whole.result.fit_s,
        "predict windows/s": round(whole.result.windows / _middle(own, "predict_s")),
        "predict x": _ratio(own, first, "predict_s"),
        "peak MiB": round(whole.ran.peak_mib),
        "memory x": whole.ran.peak_mib / first[0].ran.peak_mib,
        "import s": _middle(own, "import_s"),
        "printed bytes": whole.ran.printed,
        "MSE": whole.result.mse,
    }


def _middle(own: list[Turn], name: str) -> float:
    return statistics.median(getattr(one.result, name) for one in own)


def _ratio(own: list[Turn], first: list[Turn], name: str) -> float:
    pairs = zip(own, first, strict=True)
    return statistics.median(getattr(a.result, name) / getattr(b.result, name) for a, b in pairs)
