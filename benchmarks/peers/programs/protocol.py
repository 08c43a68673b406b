"""The job that an entry receives and the result it prints.

This is plain Python, because it runs in the environment of every entry.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

HEADS, KERNEL = 4, 25
"""Attention heads, and kernel of DLinear's moving average: constants of our backbones."""


@dataclass(frozen=True)
class Rows:
    """A file of values, and where its parts end."""

    path: str
    """An .npy file, (rows, channels) float32, z-scored with the training rows."""
    train: int
    """Number of training rows, which come first."""
    validation: int
    """Row where validation ends."""
    test: int
    """Row where test ends, and with it the file."""


@dataclass(frozen=True)
class Work:
    """Sizes of windows, batches and epochs."""

    lookback: int
    horizon: int
    batch_size: int
    epochs: int
    batches: int | None = None
    """Steps after which an epoch ends; None: all training windows."""


@dataclass(frozen=True)
class Job:
    """Train a model on the training windows, forecast every test window, and score that."""

    model: str
    """NLinear, DLinear, TSMixer, iTransformer or PatchTST."""
    parameters: dict[str, int | float]
    """Parameters of the model, with the names of our backbones."""
    learning_rate: float
    """Learning rate of Adam; gradients are clipped to norm 1."""
    seed: int
    rows: Rows
    work: Work

    @property
    def windows(self) -> int:
        """Number of training windows."""
        return self.rows.train - self.work.lookback - self.work.horizon + 1

    @property
    def test_windows(self) -> int:
        """Number of test windows."""
        return self.rows.test - self.rows.validation - self.work.horizon + 1

    @property
    def steps(self) -> int:
        """Steps of the optimizer in an epoch, with that of the short last batch."""
        every = -(-self.windows // self.work.batch_size)
        return every if self.work.batches is None else min(every, self.work.batches)

    @property
    def has_revin(self) -> bool:
        """Whether RevIN is around the model; NLinear subtracts the last value instead."""
        return self.model != "NLinear"


@dataclass(frozen=True)
class Result:
    """Measurements of an entry in its own process, in processor seconds.

    On one thread these equal the seconds of a clock on a machine that does nothing else, and other
    work changes them less.
    """

    import_s: float
    """Seconds of the imports."""
    step_s: float
    """Mean seconds from one full batch's step of the optimizer to the next."""
    fit_s: float
    """Seconds of the whole call that trains, with its set-up and its end."""
    predict_s: float
    """Seconds to forecast every test window, in the second call."""
    windows: int
    """Number of test windows forecast."""
    mse: float
    """Mean squared error over all of them, in z-scored units."""
    parameters: int
    """Number of trained parameters."""


def read_job() -> Job:
    """Read the job that the command line names: a JSON file."""
    fields = json.loads(Path(sys.argv[1]).read_text())
    return Job(**(fields | {"rows": Rows(**fields["rows"]), "work": Work(**fields["work"])}))


def write_job(job: Job, path: Path) -> None:
    """Write a job as the JSON file that `read_job` reads."""
    path.write_text(json.dumps(asdict(job)))


def print_result(result: Result) -> None:
    """Print a result as the last line of output, in JSON."""
    print(f"\n{json.dumps(asdict(result))}", flush=True)


@contextmanager
def time_block() -> Iterator[list[float]]:
    """Yield a list that will hold the processor seconds of the block."""
    seconds, start = [], process_time()
    yield seconds
    seconds.append(process_time() - start)
