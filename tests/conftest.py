"""Fixtures, markers and the order of the test files."""

import functools
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does; before torch

import hypothesis
import pytest
import torch
from jaxtyping import config

hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")

# With --dist loadfile a worker runs a whole file. The longest files begin: one that began last
# would leave the other worker idle.
LONGEST_FILES = (
    "contracts/test_compiled_backbones.py",
    "docs/test_documents.py",
    "contracts/test_compiled_normalizers.py",
    "shift/test_runner.py",
    "benchmarks/test_speed.py",
    "training/test_multi_process.py",
    "benchmarks/test_accuracy.py",
    "docs/test_site.py",
    "utils/parallel/test_ray.py",
    "benchmarks/test_scaling.py",
    "reports/benchmark/test_page.py",
    "cli/test_usage_errors.py",
    "contracts/test_normalizers.py",
    "contracts/test_backbones.py",
    "benchmarks/test_robustness.py",
    "benchmarks/test_peers.py",
    "forecasting/test_onnx_export.py",
    "forecasting/test_groups.py",
    "training/test_checkpoints.py",
    "utils/test_signals.py",
    "cli/test_serve.py",
    "cli/test_main.py",
    "data/test_covariates.py",
    "contracts/test_backbones_learn.py",
    "training/test_train.py",
)
TESTS = Path(__file__).parent
SLOW_FILES = {
    TESTS / name
    for name in (
        "cli/test_output.py",
        "cli/test_shift_commands.py",
        "data/test_fuzzed_tables.py",
        "forecasting/test_onnx_export.py",
        "normalizers/test_kernels.py",
        "reports/benchmark/test_plots.py",
        "reports/forecast/test_page.py",
        "serving/test_pool.py",
        "serving/test_worker.py",
        "shift/test_aggregates.py",
        "shift/test_lacking.py",
        "shift/test_ranks.py",
        "shift/test_theory.py",
        "training/test_checkpoints.py",
        "training/test_train.py",
    )
}
"""Files whose tests take more than two seconds together, and are rarely needed in daily work."""
WORKER_FIXTURES = {"own_worker", "warm_workers", "worker"}
"""Fixtures that start a process with all imports, which takes many seconds."""


def pytest_configure(config: pytest.Config) -> None:
    """Hand files out in the order of the tests, not by how many tests they hold."""
    gc.disable()  # objects made by collection and imports live until the end
    if hasattr(config.option, "loadscopereorder"):  # the option of pytest-xdist
        config.option.loadscopereorder = False


@pytest.hookimpl(tryfirst=True)  # before -m deselects by markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests by their folder and fixtures, and begin with the longest files."""
    ranks = {TESTS / name: rank for rank, name in enumerate(LONGEST_FILES)}
    for item in items:
        if item.path.parent == TESTS / "benchmarks":
            item.add_marker("evidence")
        fixtures = set(getattr(item, "fixturenames", ()))
        if "browser" in fixtures:
            item.add_marker("browser")
        if fixtures & WORKER_FIXTURES or item.path in SLOW_FILES:
            item.add_marker("slow")
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


def pytest_collection_finish() -> None:
    """Keep the garbage collector from visiting the objects of libraries again and again."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the benchmark data next to the checkout; without it a test is skipped."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the benchmark data are not next to the checkout")
    return folder


@pytest.fixture(scope="module")  # Playwright holds the event loop as long as it lives
def browser() -> Iterator[Any]:
    """A headless browser; CI requires one, elsewhere tests without one are skipped."""
    program = shutil.which("chromium")
    if os.environ.get("REVIN_FORECAST_BROWSER") != "required":
        pytest.importorskip("playwright")
        if program is None:
            pytest.skip("chromium is not installed")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture(autouse=True)
def _seed_torch() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _unhurried_selection() -> Iterator[None]:
    """Let the automatic choice finish on a busy machine: its default budget is in wall time."""
    from revin_forecast.selection import settings

    with pytest.MonkeyPatch.context() as patch:
        for effort in settings.DEFAULT_BUDGET_SECONDS:
            patch.setitem(settings.DEFAULT_BUDGET_SECONDS, effort, 3600.0)
        yield


@pytest.fixture
def warm_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fork the workers of the shift benchmark from a process that has imported everything."""
    from tests.support.warm_programs import CONTEXT

    # The fork server starts here, with the environment of the tests and not that of a worker.
    first = CONTEXT.Process(target=int)
    first.start()
    first.join()
    started = SimpleNamespace(get_context=lambda _: CONTEXT)
    monkeypatch.setattr("revin_forecast.utils.parallel.process.multiprocessing", started)


@pytest.fixture(scope="session")
def operators_read_once() -> Iterator[None]:
    """Read the operators of torch's exporter once: for each program it would take a second."""
    from torch.onnx._internal.exporter import _registration

    registry = _registration.ONNXRegistry
    with pytest.MonkeyPatch.context() as patch:
        read = functools.cache(registry.from_torchlib)
        patch.setattr(registry, "from_torchlib", staticmethod(read))
        yield


@pytest.fixture(scope="session")
def shared_exports() -> Iterator[None]:
    """Export each model once for consecutive checks."""
    from revin_forecast.checks.compiled import share_exports

    with share_exports():
        yield


@pytest.fixture
def plain_shapes() -> Iterator[None]:
    """Switch off run-time shape checks, which hide our own messages and stop tracing."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
