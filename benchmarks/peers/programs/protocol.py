"""What a contender is asked and what it answers: plain Python, for every environment has that."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import process_time

HEADS, KERNEL = 4, 25
"""Of attention and of DLinear's moving average: constants of this package's backbones."""


@dataclass(frozen=True)
class Rows:
    """A table of values, and where its parts end."""

    path: str
    """Of an .npy file, (rows, channels) float32, z-scored by the training rows."""
    train: int
    """Rows of training, from the first."""
    validation: int
    """The row where validation ends."""
    test: int
    """The row where test ends: that of the table."""


@dataclass(frozen=True)
class Work:
    """How many windows of which size, in which portions."""

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
    """Of the model, under the names of this package's backbones."""
    learning_rate: float
    """Of Adam; gradients are clipped to norm 1."""
    seed: int
    rows: Rows
    work: Work

    @property
    def windows(self) -> int:
        """Of training."""
        return self.rows.train - self.work.lookback - self.work.horizon + 1

    @property
    def tested(self) -> int:
        """Windows of the test part."""
        return self.rows.test - self.rows.validation - self.work.horizon + 1

    @property
    def steps(self) -> int:
        """Of the optimizer in an epoch, the short last batch too."""
        every = -(-self.windows // self.work.batch_size)
        return every if self.work.batches is None else min(every, self.work.batches)

    @property
    def revin(self) -> bool:
        """Whether RevIN is around the model; NLinear subtracts the last value instead."""
        return self.model != "NLinear"


@dataclass(frozen=True)
class Result:
    """What a contender measured in its own process, in its processor seconds.

    With one thread these are the seconds of a clock where the machine has nothing else to do, and
    other work changes them less.
    """

    import_s: float
    """Seconds to import what the job needs."""
    step_s: float
    """Mean seconds from one full batch's step of the optimizer to the next."""
    fit_s: float
    """Seconds of the whole call that trains, its set-up and its end too."""
    predict_s: float
    """Seconds to forecast every test window, the second time."""
    windows: int
    """Test windows forecast."""
    mse: float
    """Over all of them, in z-scored units."""
    parameters: int
    """Trained numbers."""


def read_job() -> Job:
    """Return the job that the command line names: a JSON file."""
    told = json.loads(Path(sys.argv[1]).read_text())
    return Job(**(told | {"rows": Rows(**told["rows"]), "work": Work(**told["work"])}))


def write_job(job: Job, path: Path) -> None:
    """Write a job as the JSON file that `read_job` reads."""
    path.write_text(json.dumps(asdict(job)))


def tell(result: Result) -> None:
    """Print a result as the last line: one of JSON."""
    print(f"\n{json.dumps(asdict(result))}", flush=True)


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Put the processor seconds that a block took into the list that it yields."""
    seconds, start = [], process_time()
    yield seconds
    seconds.append(process_time() - start)
