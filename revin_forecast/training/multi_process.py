"""Training in several processes: each gets the whole job, this one waits for what comes of it."""

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
"""Between two looks at how far the first process is."""
GRACE_SECONDS = 5.0
"""For the other processes to end by themselves when one of them has failed."""


def fit_stage(
    module: LightningModule,
    data: ForecastDataModule,
    settings: TrainingSettings,
    folder: Path,
    resume: bool,
    advance: Callable[..., None],
) -> tuple[TrainingResult, dict[str, Tensor]]:
    """Run a stage here, or in as many processes as the settings say; see `run_stage`.

    Of processes that are started here only this one goes on afterwards. Where something else
    started them (torchrun, Slurm), each of them goes on.

    Raises:
        InputError: what is trained can't be handed to another process.
    """
    if resume and is_finished(folder, settings):
        return stage_result(folder)
    if is_displayed():  # one bar is enough, and Lightning's would not know of what is around it
        settings = replace(settings, progress=False)
    job = (module, data, settings, folder, resume)
    if settings.devices * settings.num_nodes == 1:
        return run_stage(*job, advance)
    # Made here to find out soon what is wrong with the settings.
    with silence_lightning():
        strategy = make_trainer(settings, folder).strategy
    environment = getattr(strategy, "cluster_environment", None)
    if environment is None or environment.creates_processes_externally:
        return run_stage(*job, advance)
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        _write_job(job, place / "job.pt")
        _run_workers(settings, place, _rendezvous_variables(settings), advance)
        return torch.load(place / "outcome.pt", weights_only=False)


def _write_job(job: tuple[object, ...], path: Path) -> None:
    try:
        torch.save(job, path)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise InputError(
            f"the model can't be handed to other processes: {error}. Define its classes in a "
            "module that can be imported, or train with devices=1."
        ) from error


def _rendezvous_variables(settings: TrainingSettings) -> dict[str, str]:
    """Return where processes meet; several machines must be told."""
    names = ("NODE_RANK", "MASTER_ADDR", "MASTER_PORT")
    absent = [name for name in names if name not in os.environ]
    if settings.num_nodes > 1 and absent:
        raise InputError(
            f"training on {settings.num_nodes} machines needs {', '.join(absent)} in the "
            "environment: this machine's number, from 0, and the first one's address and a free "
            "port of it. Or start the command with torchrun."
        )
    if settings.num_nodes > 1:
        return {name: os.environ[name] for name in names}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(probe.getsockname()[1])}


def _run_workers(
    settings: TrainingSettings,
    place: Path,
    addresses: Mapping[str, str],
    advance: Callable[..., None],
) -> None:
    """Start the processes and wait until all have ended well; let none outlive an interrupt."""
    started = None
    try:
        with _defer_signals():  # a process that is still starting would tell of a Ctrl-C at length
            started = start_processes(
                _run_worker, (place, dict(addresses)), settings.devices, join=False
            )
        assert started is not None  # as it is not joined
        told = ProgressFile(place)
        while not started.join(POLL_SECONDS, GRACE_SECONDS):
            told.relay(advance)
    except ProcessExitedException as error:
        if error.signal_name == "SIGINT":
            raise KeyboardInterrupt from None
        raise
    finally:
        for process in filter(None, started.processes if started else ()):
            if process.is_alive():
                process.kill()
                process.join()


def _run_worker(number: int, place: Path, addresses: Mapping[str, str]) -> None:
    """Run the job as one of the processes of this machine."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # what there is to say the first process says
    _unblock_signals()
    os.environ |= {**addresses, "LOCAL_RANK": str(number)}
    with silence_lightning():
        # Mapped, so that processes share the pages of the rows: they may be larger than memory.
        job = torch.load(str(place / "job.pt"), weights_only=False, mmap=True)
    found = run_stage(*job, advance=ProgressFile(place).write)
    if number == 0:
        torch.save(found, place / "outcome.pt")
    distributed.destroy_process_group()


@contextmanager
def _defer_signals() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM for later, also in processes that are started meanwhile."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _unblock_signals() -> None:
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
