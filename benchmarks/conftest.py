import os
from collections.abc import Iterator

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}  # before torch

import pytest
import torch
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.race import Race
from revin_forecast.utils.memory import retain_freed_memory


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add --quick."""
    parser.addoption("--quick", action="store_true", help="few rounds of small sizes: seconds")


def pytest_configure() -> None:
    """Measure what the package does: one thread, memory kept as its training keeps it."""
    torch.set_num_threads(1)
    retain_freed_memory()


@pytest.fixture
def quick(request: pytest.FixtureRequest) -> bool:
    """Whether sizes and rounds are cut."""
    return bool(request.config.getoption("--quick"))


@pytest.fixture
def race(benchmark: BenchmarkFixture, quick: bool) -> Race:
    """Return what times something in turns with its reference."""
    return Race(benchmark, quick)


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield
