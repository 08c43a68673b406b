"""Training in several worker processes that this process starts and waits for."""

import os
import pickle
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from lightning import LightningModule
from torch import Tensor, distributed
from torch.multiprocessing.spawn import ProcessExitedException, start_processes

from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.errors import InputError
from revin_forecast.training.checkpoints import TrainingResult, is_finished, stage_result
from revin_forecast.training.progress_callback import ProgressFile
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.trainer import make_trainer, run_stage, silence_lightning
from revin_forecast.utils.progress import is_displayed

STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}
POLL_SECONDS = 1.0
"""Time between two reads of the first worker's progress."""
GRACE_SECONDS = 5.0
"""Time for the other workers to end by themselves after one has failed."""


def fit_stage(
    module: LightningModule,
    data: ForecastDataModule,
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
    advance: Callable[..., None],
) -> tuple[TrainingResult, dict[str, Tensor]]:
    """Run a stage in this process, or in as many workers as the settings give; see `run_stage`.

    Workers started here end with the stage, and only this process continues. If an external
    launcher (torchrun, Slurm) started the processes, all of them continue.

    Raises:
        InputError: the module can't be sent to another process, or the settings don't fit the
            machine.
    """
    if resume and is_finished(folder, settings):
        return stage_result(folder)
    if is_displayed():
        # One bar is enough, and Lightning's does not know about the output around it.
        settings = replace(settings, progress=False)
    job = (module, data, settings, folder, resume)
    if settings.devices * settings.num_nodes == 1:
        return run_stage(*job, advance)
    # A trainer in this process reports unsuitable settings before any worker starts.
    with silence_lightning():
        strategy = make_trainer(settings, folder).strategy
    environment = getattr(strategy, "cluster_environment", None)
    if environment is None or environment.creates_processes_externally:
        return run_stage(*job, advance)
    with TemporaryDirectory() as scratch:
        scratch_folder = Path(scratch)
        _write_job(job, scratch_folder / "job.pt")
        _run_workers(settings, scratch_folder, _rendezvous_variables(settings), advance)
        return torch.load(scratch_folder / "outcome.pt", weights_only=False)


def _write_job(job: tuple[object, ...], path: Path) -> None:
    """Write the arguments of `run_stage` for the workers."""
    try:
        torch.save(job, path)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            f"the model can't be sent to other processes: {error}. Define its classes in a "
            "module that can be imported, or train with devices=1."
        ) from error


def _rendezvous_variables(settings: TrainingSettings) -> dict[str, str]:
    """Return the environment variables with the address at which the workers connect."""
    names = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    missing = [name for name in names if name not in os.environ]
    if settings.num_nodes > 1 and missing:
        raise InputError(
            f"training on {settings.num_nodes} machines needs {', '.join(missing)} in the "
            "environment: the number of this machine, from 0, and the address and a free port of "
            "the first machine. Or start the command with torchrun."
        )
    if settings.num_nodes > 1:
        return {name: os.environ[name] for name in names}
    with socket.socket() as probe:  # the operating system chooses a free port
        probe.bind(("127.0.0.1", 0))
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}


def _run_workers(
    settings: TrainingSettings,
    folder: Path,
    addresses: Mapping[str, str],
    advance: Callable[..., None],
) -> None:
    """Start the workers and wait until all have succeeded; kill them on an interrupt."""
    workers = None
    try:
        # A worker that is interrupted while it starts would print a long traceback.
        with _defer_signals():
            workers = start_processes(
                _run_worker, (folder, dict(addresses)), settings.devices, join=False
            )
        assert workers is not None  # as join is False
        progress_file = ProgressFile(folder)
        while not workers.join(POLL_SECONDS, GRACE_SECONDS):
            progress_file.relay(advance)
    except ProcessExitedException as error:
        if error.signal_name == "SIGINT":
            raise KeyboardInterrupt from None
        raise
    finally:
        for process in filter(None, workers.processes if workers else ()):
            if process.is_alive():
                process.kill()
                process.join()


def _run_worker(number: int, folder: Path, addresses: Mapping[str, str]) -> None:
    """Run the stage as one of the workers of this machine."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # only the main process reports an interrupt
    _unblock_signals()
    os.environ |= {**addresses, "LOCAL_RANK": str(number)}
    with silence_lightning():
        # Memory-mapped, so that workers share the pages of rows that may be larger than memory.
        job = torch.load(str(folder / "job.pt"), weights_only=False, mmap=True)
    outcome = run_stage(*job, advance=ProgressFile(folder).write)
    if number == 0:
        torch.save(outcome, folder / "outcome.pt")
    distributed.destroy_process_group()


@contextmanager
def _defer_signals() -> Iterator[None]:
    """Block SIGINT and SIGTERM, also in workers that are started in the meantime."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unblock_signals() -> None:
    """Unblock the signals in a worker, which inherits the mask of its parent."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
