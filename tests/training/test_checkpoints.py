"""An interrupted run, however and whenever it ends, resumes to the uninterrupted result."""

import csv
import os
import shutil
import signal
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from revin_forecast import LastValue, Reversible
from revin_forecast.backbones import Linear
from revin_forecast.cli.main import main
from revin_forecast.data.windows import Windows
from revin_forecast.errors import InputError
from revin_forecast.training.checkpoints import AtomicCheckpointIO, best_checkpoint, last_checkpoint
from revin_forecast.training.train import train
from tests.support.limits import HANG_SECONDS
from tests.support.warm_programs import Program
from tests.training.test_train import Dropping, build_model_and_data, have_same_weights, settings


def run_epochs(folder, epochs=3, **changes):
    model, data = build_model_and_data(Dropping)
    train(model, data, settings(max_epochs=epochs, **changes), folder)
    return model


def resume_run(folder, model_class=Dropping, **changes):
    model, data = build_model_and_data(model_class)
    return model, train(model, data, settings(**changes), folder, resume=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    model, data = build_model_and_data(Dropping)
    result = train(model, data, settings(), folder)
    return model, result, folder, pd.read_csv(folder / "logs" / "metrics.csv")


def test_a_finished_run_returns_its_result_again(whole, monkeypatch):
    def never(*_):
        raise AssertionError("there is nothing to train")

    monkeypatch.setattr("revin_forecast.training.multi_process.run_stage", never)
    again, result = resume_run(whole[2])
    assert result == whole[1]
    assert have_same_weights(again, whole[0])


def test_a_run_that_stopped_early_is_finished(tmp_path):
    options = {"max_epochs": 50, "learning_rate": 1.0, "patience": 2}
    model, data = build_model_and_data()
    result = train(model, data, settings(**options), tmp_path)
    again, once_more = resume_run(tmp_path, Linear, **options)
    assert once_more == result
    assert result.epochs < 50
    assert have_same_weights(again, model)


def test_resume_before_the_first_checkpoint(tmp_path, whole):
    run_epochs(tmp_path)
    for path in (last_checkpoint(tmp_path), best_checkpoint(tmp_path)):
        path.unlink()
    model, result = resume_run(tmp_path)
    assert result == whole[1]
    assert have_same_weights(model, whole[0])


@pytest.mark.slow
def test_resume_between_the_best_and_the_last_checkpoint(tmp_path, whole):
    run_epochs(tmp_path)
    before = last_checkpoint(tmp_path).read_bytes()
    run_epochs(tmp_path, 4)
    last_checkpoint(tmp_path).write_bytes(before)  # the best one is an epoch ahead
    model, result = resume_run(tmp_path)
    assert result == whole[1]
    assert have_same_weights(model, whole[0])


def test_resume_in_another_folder_keeps_the_log(tmp_path, whole):
    run_epochs(tmp_path / "here")
    shutil.move(tmp_path / "here", tmp_path / "there")
    model, result = resume_run(tmp_path / "there")
    assert result == whole[1]
    assert have_same_weights(model, whole[0])
    log = tmp_path / "there" / "logs" / "metrics.csv"
    pd.testing.assert_frame_equal(pd.read_csv(log), whole[3])
    with log.open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 12  # two lines an epoch


def test_an_interrupted_write_keeps_the_old_checkpoint(tmp_path, monkeypatch):
    checkpoints, path = AtomicCheckpointIO(), tmp_path / "run" / "last.ckpt"
    checkpoints.save_checkpoint({"epoch": 1}, path)
    before = path.read_bytes()

    def cut_short(content, partial):
        Path(partial).write_bytes(before[:100])
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", cut_short)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save_checkpoint({"epoch": 2}, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_new_run_removes_the_checkpoints_of_the_old_one(tmp_path):
    run_epochs(tmp_path)
    model, data = build_model_and_data()
    data.train_dataloader = None  # as if it were cut off before its first step
    with pytest.raises(TypeError):
        train(model, data, settings(), tmp_path)
    assert not last_checkpoint(tmp_path).exists()
    assert not best_checkpoint(tmp_path).exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"learning_rate": 0.1}, r"it had learning_rate 0\.01 instead of 0\.1\. Resume with the"),
        ({"seed": 5, "patience": 2}, "it had patience 6 instead of 2; seed 0 instead of 5"),
    ],
)
def test_resume_with_other_settings_raises_an_input_error(tmp_path, changes, message):
    run_epochs(tmp_path)
    with pytest.raises(InputError, match=message):
        resume_run(tmp_path, **changes)


def test_resume_with_another_model_or_table_raises_an_input_error(tmp_path):
    run_epochs(tmp_path)
    model, data = build_model_and_data(Dropping)
    with pytest.raises(InputError, match="it had another backbone or normalizer"):
        train(Reversible(model.backbone, LastValue(2)), data, settings(), tmp_path, resume=True)
    data.training = Windows(data.training.values + 1, 12, 4)
    with pytest.raises(InputError, match="it had other rows in the table. Resume with the same"):
        train(model, data, settings(), tmp_path, resume=True)
    _, data = build_model_and_data(Dropping)
    data.training = Windows(data.training.values, 11, 5)
    with pytest.raises(InputError, match="it had lookback 12 instead of 11; horizon 4 instead of"):
        train(model, data, settings(), tmp_path, resume=True)


@pytest.mark.parametrize("file", ["last.ckpt", "best.ckpt"])
def test_damaged_checkpoints_raise_an_input_error(tmp_path, file):
    run_epochs(tmp_path)
    path = tmp_path / "checkpoints" / file
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=rf"{file} is damaged; train again without resume"):
        resume_run(tmp_path, max_epochs=3)
    path.unlink()
    if file == "best.ckpt":
        with pytest.raises(InputError, match="best.ckpt is missing; train again without resume"):
            resume_run(tmp_path, max_epochs=3)


@pytest.fixture
def start_program(tmp_path, monkeypatch):
    """Start programs in separate processes and kill them afterwards.

    Their network `mine.Net` waits once the file named in the variable HOLD exists.
    """
    (tmp_path / "mine.py").write_text(
        "import os, time\n"
        "from revin_forecast.backbones import MLP\n"
        "class Net(MLP):\n"
        "    def forward(self, past):\n"
        "        while os.path.exists(os.environ.get('HOLD', '')):\n"
        "            time.sleep(0.01)\n"
        "        return super().forward(past)\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    programs = []

    def start(hold, *words):
        programs.append(Program("revin_forecast", words, tmp_path, {"HOLD": str(hold)}))
        return programs[-1]

    yield start
    for program in programs:
        program.process.kill()
        program.process.join()
    sys.modules.pop("mine", None)


def send_signal_after(program, path, number):
    """Send a signal as soon as the file exists, and return the ended program."""
    deadline = time.monotonic() + HANG_SECONDS
    while not path.exists():
        assert program.process.is_alive(), program.end().err
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(program.process.pid, number)
    return program.end()


@pytest.mark.slow
def test_fit_resumes_after_a_kill_and_after_an_interrupt(tmp_path, start_program, capfd):
    steps = np.arange(200)
    frame = pd.DataFrame(
        {
            "date": pd.date_range("2024-01-01", periods=200, freq="h"),
            "sold": np.sin(steps / 4) + steps / 100 + np.random.default_rng(0).random(200),
        }
    )
    frame.to_csv(tmp_path / "table.csv", index=False)
    words = ["fit", str(tmp_path / "table.csv"), "--horizon", "4", "--lookback", "12", "--quiet"]
    words += ["--backbone", "mine.Net", "--max-epochs", "6", "--patience", "6", "--batch-size", "8"]
    signals = {"killed": signal.SIGKILL, "interrupted": signal.SIGINT}
    commands = {name: [*words, "--out", str(tmp_path / name)] for name in (*signals, "whole")}
    last = {name: last_checkpoint(tmp_path / name / "training") for name in signals}
    programs = {name: start_program(last[name], *commands[name]) for name in signals}
    for name, number in signals.items():
        ended = send_signal_after(programs[name], last[name], number)
        assert ended.out == ""
        assert not (tmp_path / name / "forecaster.json").exists()
        if name == "interrupted":
            assert (ended.code, ended.err) == (130, "revin-forecast: interrupted\n")
    assert main(commands["whole"]) == 0
    for name in signals:
        assert main([*commands[name], "--resume"]) == 0
        resumed_weights, whole_weights = (
            next((tmp_path / run).glob("weights-*")) for run in (name, "whole")
        )
        assert resumed_weights.read_bytes() == whole_weights.read_bytes()
    assert capfd.readouterr().err == ""
    assert main([*commands["whole"], "--resume", "--seed", "3"]) == 2
    message = "can't be resumed: it had seed 0 instead of 3. Resume with the same settings"
    assert message in capfd.readouterr().err
