"""Options and fixtures of the ratio tests."""

import os
from collections.abc import Iterator

# Before torch, which reads them when it is imported.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.ratio_timer import RatioTimer
from revin_forecast.utils.memory import retain_freed_memory


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --quick."""
    parser.addoption("--quick", action="store_true", help="few rounds of small sizes: seconds")


def pytest_configure() -> None:
    """Use one thread, and retain freed memory as the package's training does."""
    torch.set_num_threads(1)
    retain_freed_memory()


@pytest.fixture
def quick(request: pytest.FixtureRequest) -> bool:
    """Whether sizes and rounds are reduced."""
    return bool(request.config.getoption("--quick"))


@pytest.fixture
def timer(benchmark: BenchmarkFixture, quick: bool) -> RatioTimer:
    """Return the timer of a test."""
    return RatioTimer(benchmark, quick)


@pytest.fixture(autouse=True)
def _seed_torch() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
