"""The two tables of a comparison: training, and forecasts of a small table."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.evidence import EvidencePage
from benchmarks.peers.entries import Entry, measure_installed_size
from benchmarks.peers.forecast_table import COMMAND, HORIZON, list_commands, measure_commands
from benchmarks.peers.programs.protocol import Job
from benchmarks.peers.texts import CUT, FORECAST, TRAINING
from benchmarks.peers.training_table import Rounds, build_training_rows, run_rounds


@dataclass(frozen=True)
class Comparison:
    """The entries of a comparison and its rounds."""

    ours: Sequence[Entry]
    """Entries of this package; ratios are relative to the first one."""
    peers: Sequence[Entry]
    skipped: Sequence[str]
    """A line for each peer that could not be installed."""
    rounds: Rounds

    def measure_training(self, jobs: Sequence[Job], scratch: Path, page: EvidencePage) -> None:
        """Measure training and prediction; write the page after each model."""
        self._add_environment(page)
        cut = self.rounds.batches
        for job in jobs:
            page.text = TRAINING.format(
                windows=job.windows,
                tested=job.test_windows,
                work=job.work,
                rounds=self.rounds.count,
                cut=CUT.format(batches=cut) if cut else "",
                skipped=self._skipped_lines,
            )
            turns = run_rounds(job, [*self.ours, *self.peers], self.rounds, scratch)
            page.rows += build_training_rows(job, turns)
            page.write()

    def measure_forecasts(
        self, table: pd.DataFrame, options: Sequence[str], scratch: Path, page: EvidencePage
    ) -> None:
        """Measure forecasts of a small table, and the installed size of each program."""
        self._add_environment(page)
        commands = list_commands(self.peers, options)
        for row in measure_commands(table, commands, self.rounds, scratch):
            size = self._sizes[row["program"].split()[0]]
            row["installed MiB"], row["packages"] = round(size["mib"]), size["distributions"]
            page.rows.append(row)
        page.text = FORECAST.format(
            rows=len(table) - HORIZON,
            series=table.shape[1],
            rounds=self.rounds.count,
            command=COMMAND,
            skipped=self._skipped_lines,
        )
        page.write()

    @property
    def _skipped_lines(self) -> str:
        return "".join(f"* {line}\n" for line in self.skipped)

    @cached_property
    def _sizes(self) -> dict[str, Any]:
        entries = (self.ours[0], *self.peers)
        return {entry.name: measure_installed_size(entry) for entry in entries}

    def _add_environment(self, page: EvidencePage) -> None:
        page.environment.update(rounds=self.rounds.count, threads=1)
        versions = {entry.name: self._sizes[entry.name]["version"] for entry in self.peers}
        page.environment["versions"].update(versions)
