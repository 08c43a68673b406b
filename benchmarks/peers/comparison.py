"""The two tables of a comparison, from one run, and the pages above them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from benchmarks.evidence import EvidencePage
from benchmarks.peers.entries import Contender, brought_along
from benchmarks.peers.forecast_table import COMMAND, HORIZON, forecast_rows, programs
from benchmarks.peers.programs.protocol import Job
from benchmarks.peers.texts import CUT, FORECAST, TRAINING
from benchmarks.peers.training_table import Rounds, measured, training_rows


@dataclass(frozen=True)
class Comparison:
    """Who is compared, and how."""

    ours: Sequence[Contender]
    """The first one is what ratios are relative to."""
    peers: Sequence[Contender]
    skipped: Sequence[str]
    """A line for each peer that can't take part."""
    rounds: Rounds

    def train(self, jobs: Sequence[Job], scratch: Path, page: EvidencePage) -> None:
        """Measure training and prediction; write the page after each model."""
        self._add_versions(page)
        cut = self.rounds.batches
        for job in jobs:
            contenders = [*self.ours, *self.peers]
            page.text = TRAINING.format(
                windows=job.windows,
                tested=job.tested,
                work=job.work,
                rounds=self.rounds.count,
                cut=CUT.format(batches=cut) if cut else "",
                skipped=self._skipped,
            )
            page.rows += training_rows(job, measured(job, contenders, self.rounds, scratch))
            page.write()

    def forecast(
        self, table: pd.DataFrame, options: Sequence[str], scratch: Path, page: EvidencePage
    ) -> None:
        """Measure forecasts of a small table, and what has to be installed for them."""
        self._add_versions(page)
        commands = programs(self.peers, options)
        for row in forecast_rows(table, commands, self.rounds, scratch):
            size = self._sizes[row["program"].split()[0]]
            row["installed MiB"], row["packages"] = round(size["mib"]), size["distributions"]
            page.rows.append(row)
        page.text = FORECAST.format(
            rows=len(table) - HORIZON,
            series=table.shape[1],
            rounds=self.rounds.count,
            command=COMMAND,
            skipped=self._skipped,
        )
        page.write()

    @property
    def _skipped(self) -> str:
        return "".join(f"* {line}\n" for line in self.skipped)

    @cached_property
    def _sizes(self) -> dict[str, Any]:
        return {one.name: brought_along(one) for one in (self.ours[0], *self.peers)}

    def _add_versions(self, page: EvidencePage) -> None:
        page.environment.update(rounds=self.rounds.count, threads=1)
        versions = {one.name: self._sizes[one.name]["version"] for one in self.peers}
        page.environment["versions"].update(versions)
