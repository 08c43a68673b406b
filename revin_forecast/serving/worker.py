"""The work of a worker process: load the model once, then answer requests."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from revin_forecast.serving.messages import WorkerRequest, WorkerResponse
from revin_forecast.utils.parallel.engine import Report


def load_model(
    model: Path | None, threads: int
) -> tuple[Callable[..., WorkerResponse], dict[str, Any]]:
    """Load a model; return the function that answers requests with it, and its description.

    Args:
        model: folder of the forecaster; None: the pretrained model.
        threads: threads for torch.

    Raises:
        InputError: the model can't be loaded.
    """
    # Imported here, in the worker: the server itself loads neither torch nor the model.
    import torch

    torch.set_num_threads(threads)
    if model is None:
        from revin_forecast.serving.zero_shot import describe_pretrained, handle_zero_shot_request

        return partial(_answer_request, handle_zero_shot_request), describe_pretrained()

    from revin_forecast.forecasting.forecaster import Forecaster
    from revin_forecast.forecasting.manifest import read_manifest
    from revin_forecast.forecasting.saving import MANIFEST
    from revin_forecast.serving.predict import describe_model, handle_request

    forecaster = Forecaster.load(model)
    saved = read_manifest(model / MANIFEST).get("saved")
    handle = partial(handle_request, forecaster)
    return partial(_answer_request, handle), {**describe_model(forecaster), "saved": saved}


def _answer_request(
    handle: Callable[[WorkerRequest, Path], WorkerResponse],
    task: tuple[WorkerRequest, Path],
    _: Report,
) -> WorkerResponse:
    """Answer a request in its scratch folder, which is the working directory meanwhile."""
    request, scratch = task
    os.chdir(scratch)
    try:
        return handle(request, scratch)
    finally:
        # Not all systems can remove a process's working directory.
        os.chdir(scratch.parent)
        # The server removes the folder as well, but not if it was killed.
        shutil.rmtree(scratch, ignore_errors=True)
