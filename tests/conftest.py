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

# From the longest on. With --dist loadfile a worker does a whole file, so that a long one which
# comes last would leave the other worker idle.
LONGEST = (
    "test_compiled.py",
    "test_documents.py",
    "test_docs.py",
    "test_benchmark_report.py",
    "test_shift_runner.py",
    "test_normalizer_contract.py",
    "test_distributed.py",
    "test_export.py",
    "test_resuming.py",
    "test_ray_engine.py",
    "test_cli.py",
    "test_covariates.py",
    "test_backbones.py",
    "test_training.py",
)


def pytest_configure(config: pytest.Config) -> None:
    """Let files be handed out in the order of the tests, not by how many tests they hold."""
    gc.disable()  # what collecting makes and imports stays
    if hasattr(config.option, "loadscopereorder"):  # the option of pytest-xdist
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_collection_finish() -> None:
    """Spare the collector what stays anyway: some hundred thousand objects of libraries."""
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The benchmark data beside the checkout; what needs it is skipped where it is not."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the benchmark data are not beside the checkout")
    return folder


@pytest.fixture(scope="module")  # what drives it holds the event loop as long as it lives
def browser() -> Iterator[Any]:
    """A browser without a window; where CI asks for it, it has to be there."""
    program = shutil.which("chromium")
    if os.environ.get("REVIN_FORECAST_BROWSER") != "required":
        pytest.importorskip("playwright")
        if program is None:
            pytest.skip("chromium is not installed")
    from playwright import sync_api

    with sync_api.sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def warm_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of the shift benchmark start at once, as nothing has to be imported."""
    from tests.support.warm_programs import CONTEXT

    first = CONTEXT.Process(
        target=int
    )  # what they are forked from has this environment, not theirs
    first.start()
    first.join()
    started = SimpleNamespace(get_context=lambda _: CONTEXT)
    monkeypatch.setattr("revin_forecast.shift.runner.local.multiprocessing", started)


@pytest.fixture(scope="session")
def operators_read_once() -> Iterator[None]:
    """torch's exporter reads its hundreds of operators anew for each program: a second of two."""
    from torch.onnx._internal.exporter import _registration

    registry = _registration.ONNXRegistry
    with pytest.MonkeyPatch.context() as patch:
        read = functools.cache(registry.from_torchlib)
        patch.setattr(registry, "from_torchlib", staticmethod(read))
        yield


@pytest.fixture
def plain_shapes() -> Iterator[None]:
    """Switch the run-time shape checks off: for our own messages, and for tracing compilers."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
