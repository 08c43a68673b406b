"""The two tables of a comparison, from one run, and the pages above them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from revin_forecast.evidence import circumstances, write_evidence
from rivals.contenders import Contender, brought_along
from rivals.forecasts import COMMAND, HORIZON, forecast_rows, programs
from rivals.pages import CUT, FORECAST, TRAINING
from rivals.protocol import Job
from rivals.training import Rounds, Row, measured, training_rows


@dataclass(frozen=True)
class Comparison:
    """Who is compared, and how."""

    ours: Sequence[Contender]
    """The first one is what ratios are relative to."""
    peers: Sequence[Contender]
    skipped: Sequence[str]
    """A line for each peer that can't take part."""
    rounds: Rounds
    quick: bool

    def train(self, jobs: Sequence[Job], scratch: Path, out: Path) -> None:
        """Measure training and prediction; write the page after each model."""
        rows: list[Row] = []
        cut = self.rounds.batches
        for job in jobs:
            contenders = [*self.ours, *self.peers]
            rows += training_rows(job, measured(job, contenders, self.rounds, scratch))
            text = TRAINING.format(
                windows=job.windows,
                tested=job.tested,
                work=job.work,
                rounds=self.rounds.count,
                cut=CUT.format(batches=cut) if cut else "",
                skipped=self._skipped,
            )
            write_evidence(out, "peers_training", text, rows, self._made)

    def forecast(
        self, table: pd.DataFrame, options: Sequence[str], scratch: Path, out: Path
    ) -> None:
        """Measure forecasts of a small table, and what has to be installed for them."""
        commands = programs(self.peers, options)
        rows = forecast_rows(table, commands, self.rounds, scratch)
        for row in rows:
            size = self._sizes[row["program"].split()[0]]
            row["installed MiB"], row["packages"] = round(size["mib"]), size["distributions"]
        text = FORECAST.format(
            rows=len(table) - HORIZON,
            series=table.shape[1],
            rounds=self.rounds.count,
            command=COMMAND,
            skipped=self._skipped,
        )
        write_evidence(out, "peers_forecast", text, rows, self._made)

    @property
    def _skipped(self) -> str:
        return "".join(f"* {line}\n" for line in self.skipped)

    @cached_property
    def _sizes(self) -> dict[str, Any]:
        return {one.name: brought_along(one) for one in (self.ours[0], *self.peers)}

    @cached_property
    def _made(self) -> dict[str, Any]:
        made = circumstances() | {"quick": self.quick, "rounds": self.rounds.count, "threads": 1}
        made["versions"] |= {one.name: self._sizes[one.name]["version"] for one in self.peers}
        return made
