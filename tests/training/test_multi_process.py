"""Training in several processes gives the result of one process."""

import copy
import os
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from safetensors.torch import load_file
from torch import nn
from torch.multiprocessing.spawn import start_processes

from revin_forecast import Reversible, RevIN
from revin_forecast.backbones import Linear
from revin_forecast.cli.main import main
from revin_forecast.data.lightning_module import SCORING_BATCH_SIZE, BatchShare, ForecastDataModule
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.normalizers import SAN, DishTS
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train

LOOKBACK, HORIZON = 13, 5
SIZES = {"lookback": LOOKBACK, "horizon": HORIZON}


def wave(rows=400, gaps=0.0):
    time = torch.arange(rows).float().unsqueeze(1)
    random = torch.Generator().manual_seed(0)
    values = torch.sin(time * torch.tensor([0.3, 0.7])) + time / 100
    values += 0.1 * torch.randn(rows, 2, generator=random)
    values[torch.rand(rows, 2, generator=random) < gaps] = torch.nan
    return values


def data(batch_size=16, gaps=0.0):
    """183 training windows, and more validation windows than are scored at once."""
    values = wave(480, gaps)
    return ForecastDataModule(
        Windows(values[:200], **SIZES), Windows(values[187:], **SIZES), batch_size
    )


def settings(**changes):
    return TrainingSettings(**({"max_epochs": 3, "learning_rate": 0.01, "patience": 3} | changes))


def data_of_rank(rank, processes, batch_size=16):
    module = data(batch_size)
    strategy = SimpleNamespace(root_device=torch.device("cpu"))
    module.trainer = SimpleNamespace(global_rank=rank, world_size=processes, strategy=strategy)
    return module


@pytest.mark.parametrize(("processes", "batch_size"), [(2, 16), (3, 16), (2, 182), (7, 5)])
def test_shares_together_are_the_batches_of_one_process(processes, batch_size):
    whole = [batch for part in data(batch_size).train_dataloader() for batch in part]
    ranks = [
        [
            share
            for part in data_of_rank(rank, processes, batch_size).train_dataloader()
            for share in part
        ]
        for rank in range(processes)
    ]
    for batch, *shares in zip(whole, *ranks, strict=True):
        assert all(share.batch_windows == len(batch.past) for share in shares)
        # A share without a window holds a placeholder window without targets.
        real = [share.part for share in shares if share.weight > 0]
        assert torch.equal(torch.cat([part.past for part in real]), batch.past)
        assert torch.equal(torch.cat([part.future for part in real]), batch.future)
        for share in shares:
            assert share.weight == pytest.approx(
                processes * len(share.part.past) / len(batch.past) if share.weight else 0
            )
            assert len(share.part.past) >= 1
            assert share.weight > 0 or share.part.future.isnan().all()
        assert sum(share.weight for share in shares) == pytest.approx(processes)


def test_shares_of_validation_windows():
    loaders = [data_of_rank(rank, 2).val_dataloader() for rank in range(2)]
    shares = [share for pair in zip(*loaders, strict=True) for share in pair]
    assert all(isinstance(share, BatchShare) for share in shares)
    assert [share.batch_windows for share in shares] == [SCORING_BATCH_SIZE] * 2 + [20] * 2
    assert torch.equal(torch.cat([share.part.past for share in shares]), data().validation[:].past)


@pytest.fixture
def fork_workers(monkeypatch):
    """Fork the workers, which start at once because they import nothing."""
    quick = partial(start_processes, start_method="fork")
    monkeypatch.setattr("revin_forecast.training.multi_process.start_processes", quick)


def check_two_processes(model, tmp_path, module, **changes):
    """Train a model in single process and a copy of it in double, and compare the results."""
    other = copy.deepcopy(model)
    single = train(model, module, settings(**changes), tmp_path / "one")
    double = train(other, module, settings(devices=2, **changes), tmp_path / "two")
    assert (double.epochs, double.best_epoch) == (single.epochs, single.best_epoch)
    assert double.validation_loss == pytest.approx(single.validation_loss, rel=1e-5)
    for name, part in model.state_dict().items():
        torch.testing.assert_close(other.state_dict()[name], part, rtol=1e-5, atol=2e-6)
    logs = [pd.read_csv(tmp_path / run / "logs" / "metrics.csv") for run in ("one", "two")]
    pd.testing.assert_frame_equal(*logs, rtol=1e-4)


MODELS = {
    "gaps": lambda: Reversible(Linear(LOOKBACK, HORIZON, 2), RevIN(2)),
    "quantiles": lambda: Reversible(
        Linear(LOOKBACK, HORIZON * 3, 2), RevIN(2), levels=(0.1, 0.5, 0.9)
    ),
    "loss of its own": lambda: Reversible(Linear(LOOKBACK, HORIZON, 2), DishTS(2, LOOKBACK)),
    "two stages": lambda: Reversible(
        Linear(LOOKBACK, HORIZON, 2), SAN(2, **SIZES, slice_length=4, hidden=8, epochs=2)
    ),
}
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")


@pytest.mark.slow
@needs_fork
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.usefixtures("fork_workers")
@pytest.mark.parametrize("name", MODELS)
def test_two_processes_give_the_result_of_one(name, tmp_path):
    changes = {"loss": "quantile", "levels": (0.1, 0.5, 0.9)} if name == "quantiles" else {}
    gaps = 0.15 if name in ("gaps", "quantiles") else 0.0
    # 183 windows: one is left for the last batch of 14, which two processes can't share.
    check_two_processes(MODELS[name](), tmp_path, data(14, gaps), **changes)


class Lambda(Linear):
    def __init__(self, *sizes):
        super().__init__(*sizes)
        self.bend = lambda values: values


class Failing(Linear):
    def forward(self, past):
        raise ArithmeticError("no forecast from here")


@pytest.mark.slow
@needs_fork
@pytest.mark.filterwarnings("ignore:.*use of fork.*:DeprecationWarning")
@pytest.mark.usefixtures("fork_workers")
def test_errors_of_a_worker_are_reported(tmp_path):
    with pytest.raises(InputError, match="can't be sent to other processes: .* devices=1"):
        train(Lambda(LOOKBACK, HORIZON, 2), data(), settings(devices=2), tmp_path)
    with pytest.raises(Exception, match="ArithmeticError: no forecast from here"):
        train(Failing(LOOKBACK, HORIZON, 2), data(), settings(devices=2), tmp_path)


def test_unsuitable_settings_raise_input_errors(tmp_path, monkeypatch):
    # Lightning keeps the rank that a refused trainer has read from the environment.
    monkeypatch.setattr(rank_zero_only, "rank", rank_zero_only.rank)
    with pytest.raises(InputError, match="takes the strategy auto, ddp or another .* 'fsdp'"):
        settings(devices=2, strategy="fsdp")
    model = nn.Linear(1, 1)
    with pytest.raises(InputError, match="can't run with devices=2, .* strategy=ddp_fast"):
        train(model, data(), settings(devices=2, strategy="ddp_fast"), tmp_path)
    monkeypatch.setenv("NODE_RANK", "1")
    with pytest.raises(InputError, match="2 machines needs MASTER_ADDR, MASTER_PORT in the envir"):
        train(model, data(), settings(num_nodes=2), tmp_path)


@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID", "NODE_RANK"])
def test_one_process_saves_and_prints(name, monkeypatch):
    assert settings(devices=2).is_first_process
    monkeypatch.setenv(name, "0")
    assert settings(devices=2).is_first_process
    monkeypatch.setenv(name, "1")
    assert not settings(num_nodes=2).is_first_process
    assert settings().is_first_process  # a single process, however it was started


@pytest.mark.slow
def test_fit_from_the_command_line_in_two_processes(tmp_path, capfd):
    values = wave(300, gaps=0.05).numpy()
    dates = pd.date_range("2024-01-01", periods=300, freq="h")
    frame = pd.DataFrame(values, columns=["a", "b"]).assign(date=dates)
    frame.to_csv(tmp_path / "table.csv", index=False)
    words = ["fit", str(tmp_path / "table.csv"), "--horizon", "4", "--lookback", "12"]
    words += ["--backbone", "Linear", "--max-epochs", "3", "--batch-size", "32", "--quiet"]
    two = [*words, "--devices", "2", "--strategy", "ddp", "--out", str(tmp_path / "two")]
    assert main(two) == 0
    assert capfd.readouterr().out.count("forecasts 4 steps of 2 series") == 1
    assert main([*words, "--out", str(tmp_path / "one")]) == 0
    files = [next((tmp_path / run).glob("weights-*")) for run in ("one", "two")]
    one, other = (load_file(file) for file in files)
    for name in one:
        np.testing.assert_allclose(other[name], one[name], rtol=1e-5, atol=1e-6)
    assert capfd.readouterr().err == ""
