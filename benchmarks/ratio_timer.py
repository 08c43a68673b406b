"""Ratios of times, measured in alternation with a reference, for the tests in this folder."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

from pytest_benchmark.fixture import BenchmarkFixture

Call = Callable[[], object]
QUICK_SLACK = 1.5
"""Factor of the bounds in a quick run, whose few rounds vary more."""


@dataclass(frozen=True)
class RatioTimer:
    """Times a call in alternation with a reference, so that a busy machine affects both."""

    benchmark: BenchmarkFixture
    quick: bool

    def measure(self, ours: Call, reference: Call, rounds: int = 25) -> float:
        """Return the median over the rounds of the time of ours over that of the reference."""
        reference_seconds: list[float] = []

        def time_reference() -> None:
            start = time.process_time()
            reference()
            reference_seconds.append(time.process_time() - start)

        rounds = 3 if self.quick else rounds
        # pytest-benchmark calls `setup` before each round, outside its own clock.
        self.benchmark.pedantic(ours, setup=time_reference, rounds=rounds, warmup_rounds=1)
        assert self.benchmark.stats, "run these tests without --benchmark-disable"
        our_seconds = self.benchmark.stats.stats.data
        pairs = zip(our_seconds, reference_seconds[-len(our_seconds) :], strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)

    def check(self, label: str, reference: str, ratio: float, bound: float) -> None:
        """Record a ratio for the page, and fail if it is above its bound.

        Args:
            label: the measured call, in words.
            reference: the reference, in words.
            ratio: ratio of times.
            bound: about twice the usual ratio: it detects changes of the code, not a busy machine.
        """
        row = {"what": label, "reference": reference, "ratio": ratio, "bound": bound}
        self.benchmark.extra_info.update(row)
        limit = bound * (QUICK_SLACK if self.quick else 1)
        assert ratio <= limit, f"{label}: {ratio:.3g} x {reference}, the limit is {limit:.3g}"


def repeat_call(call: Call, times: int) -> Call:
    """Return a call that is repeated: one round must be longer than the resolution of the clock."""

    def run() -> None:
        for _ in range(times):
            call()

    return run
