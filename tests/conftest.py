import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does; before torch

import hypothesis
import pytest
import torch
from jaxtyping import config

hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The benchmark data beside the checkout; what needs it is skipped where it is not."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the benchmark data are not beside the checkout")
    return folder


@pytest.fixture(autouse=True)
def _seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


@pytest.fixture
def plain_shapes() -> Iterator[None]:
    """Switch the run-time shape checks off: for our own messages, and for tracing compilers."""
    config.update("jaxtyping_disable", True)
    yield
    config.update("jaxtyping_disable", False)
