import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from pytest_benchmark.fixture import BenchmarkFixture

Call = Callable[[], object]
QUICK_SLACK = 1.5
"""By how much bounds are wider where a few rounds are measured only."""


@dataclass(frozen=True)
class Race:
    """Times something in turns with a reference, so that a busy machine meets both."""

    benchmark: BenchmarkFixture
    quick: bool

    def __call__(self, ours: Call, reference: Call, rounds: int = 25) -> float:
        """Return the median of the rounds' own ratios, time of ours over that of the reference."""
        taken: list[float] = []

        def before() -> None:
            start = time.process_time()
            reference()
            taken.append(time.process_time() - start)

        rounds = 3 if self.quick else rounds
        # pytest-benchmark calls `setup` before each round, outside its own clock.
        self.benchmark.pedantic(ours, setup=before, rounds=rounds, warmup_rounds=1)
        assert self.benchmark.stats, "run the suite without --benchmark-disable: it compares times"
        own = self.benchmark.stats.stats.data
        return statistics.median(a / b for a, b in zip(own, taken[-len(own) :], strict=True))

    def judge(self, what: str, reference: str, ratio: float, bound: float) -> None:
        """Keep a ratio for the page, and fail where it is above its bound.

        Args:
            what: is measured.
            reference: in words.
            ratio: of times.
            bound: twice the usual ratio or so: for a change of the code, not of the weather.
        """
        row = {"what": what, "reference": reference, "ratio": ratio, "bound": bound}
        self.benchmark.extra_info.update(row)
        allowed = bound * (QUICK_SLACK if self.quick else 1)
        assert ratio <= allowed, f"{what}: {ratio:.3g} x {reference}, allowed is {allowed:.3g}"


def repeated(call: Call, times: int) -> Call:
    """Return what does something several times: one round must outlast the clock's tick."""

    def run() -> None:
        for _ in range(times):
            call()

    return run
