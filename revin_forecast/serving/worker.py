"""The work of a worker process: load the model once, then answer requests."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.utils.parallel.engine import Report


def load_model(model: Path, threads: int) -> tuple[Callable[..., WorkerResponse], dict[str, Any]]:
    """Load a model; return the function that answers requests with it, and its description.

    Args:
        model: folder of the forecaster.
        threads: threads for torch.

    Raises:
        InputError: the model can't be loaded.
    """
    # Imported here, in the worker: the server itself loads neither torch nor the model.
    import torch

    from revin_forecast.forecasting.forecaster import Forecaster
    from revin_forecast.forecasting.manifest import read_manifest
    from revin_forecast.forecasting.saving import MANIFEST
    from revin_forecast.serving.predict import describe_model

    torch.set_num_threads(threads)
    forecaster = Forecaster.load(model)
    saved = read_manifest(model / MANIFEST).get("saved")
    return partial(_answer_request, forecaster), {**describe_model(forecaster), "saved": saved}


def _answer_request(
    forecaster: Any, task: tuple[WorkerRequest, bool, Path], _: Report
) -> WorkerResponse:
    """Answer a request in its scratch folder, which is the working directory meanwhile."""
    from revin_forecast.serving.predict import handle_request

    request, with_charts, scratch = task
    os.chdir(scratch)
    try:
        return handle_request(forecaster, request, with_charts, scratch)
    finally:
        # Not all systems can remove a process's working directory.
        os.chdir(scratch.parent)
        # The server removes the folder as well, but not if it was killed.
        shutil.rmtree(scratch, ignore_errors=True)
