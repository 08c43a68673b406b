"""A training gives the same bytes again: from the script, and after an interruption."""

import dataclasses
import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from revin_forecast.errors import InputError
from revin_forecast.pretrained import synthetic_batches, train, training_state
from revin_forecast.pretrained.card import WEIGHTS_FILE, write_model
from revin_forecast.pretrained.load_weights import load_networks
from revin_forecast.pretrained.synthetic_batches import SyntheticBatches
from revin_forecast.pretrained.train import train_members
from revin_forecast.pretrained.training_state import (
    MAX_SKIPPED_STEPS,
    QUICK_SETTINGS,
    start_training,
    take_step,
)
from tests.support.warm_programs import Program, run_program

ROOT = Path(__file__).resolve().parents[2]


def run_training(folder, seeds=(0,)):
    """Train here, without a worker; return the bytes of the weights and of the first curve."""
    members = train_members(QUICK_SETTINGS, seeds, folder, has_worker=False)
    write_model(folder, QUICK_SETTINGS, members, is_quick=True)
    return read_bytes(folder)


def read_bytes(folder):
    return (folder / WEIGHTS_FILE).read_bytes(), (folder / "seed-0" / "curve.csv").read_bytes()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a training that was not interrupted."""
    folder = tmp_path_factory.mktemp("finished")
    run_training(folder)
    return folder


@pytest.mark.slow
def test_script_gives_the_same_bytes_with_a_worker(finished, tmp_path):
    script = ROOT / "scripts" / "pretrain.py"
    ended = run_program(script, ["--quick", "--out", tmp_path / "run"], tmp_path)
    assert f"are in {tmp_path / 'run'}." in ended.out
    assert read_bytes(tmp_path / "run") == read_bytes(finished)
    other = Program(script, ["--steps", "9", "--out", tmp_path / "run"], tmp_path).end()
    assert other.code == 2
    assert re.search(r"seed-0 can't be resumed: it had .*; steps 6 instead of 9; ", other.err)


def test_interrupted_training_gives_the_same_bytes(finished, tmp_path, monkeypatch):
    monkeypatch.setattr(train, "CHECKPOINT_STEPS", 1)

    class Interrupted(SyntheticBatches):
        def __getitem__(self, index):
            if index == 5:
                raise KeyboardInterrupt
            return super().__getitem__(index)

    monkeypatch.setattr(synthetic_batches, "SyntheticBatches", Interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_training(tmp_path)
    monkeypatch.setattr(synthetic_batches, "SyntheticBatches", SyntheticBatches)
    torch.manual_seed(99)  # another process has another random state
    assert run_training(tmp_path) == read_bytes(finished)


def test_file_has_the_average_of_each_seed(finished, tmp_path):
    shutil.copytree(finished, tmp_path, dirs_exist_ok=True)
    run_training(tmp_path, (0, 1))
    # A finished seed is not trained again.
    checkpoint = Path("seed-0", "last.pt")
    assert (tmp_path / checkpoint).read_bytes() == (finished / checkpoint).read_bytes()
    members = train_members(QUICK_SETTINGS, (0, 1), tmp_path)
    networks = load_networks(tmp_path / WEIGHTS_FILE)
    for member, network in zip(members, networks, strict=True):
        for name, tensor in network.state_dict().items():
            assert torch.equal(tensor, member.weights[name].half().float())
    assert not torch.equal(networks[0].output.weight, networks[1].output.weight)
    card = json.loads((tmp_path / "card.json").read_text())
    assert (card["seeds"], card["quick"]) == ([0, 1], True)
    assert [point["step"] for point in card["curves"][1]] == [4, 6]


def test_damaged_checkpoints_are_named(tmp_path):
    (tmp_path / "seed-0").mkdir()
    (tmp_path / "seed-0" / "last.pt").write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"last\.pt is damaged; remove it to train from the start"):
        train_members(QUICK_SETTINGS, [0], tmp_path)


def test_first_average_is_the_weights_and_later_ones_follow_slowly():
    state = start_training(QUICK_SETTINGS, 0)
    batches = SyntheticBatches(QUICK_SETTINGS.batch, 0)
    weight, average = state.network.output.weight, state.average.output.weight
    begin = weight.detach().clone()
    take_step(state, QUICK_SETTINGS, batches[0])
    first = weight.detach().clone()
    assert not torch.equal(first, begin)
    torch.testing.assert_close(average, first)
    take_step(state, QUICK_SETTINGS, batches[1])
    decay = QUICK_SETTINGS.average_decay
    expected = (decay * first + weight.detach()) / (1 + decay)
    torch.testing.assert_close(average, expected)


def test_steps_without_a_finite_gradient_change_nothing_and_are_limited():
    state = start_training(QUICK_SETTINGS, 0)
    with torch.no_grad():
        state.network.output.bias.fill_(torch.nan)
    before = state.network.encoder[0].weight.detach().clone()
    batch = SyntheticBatches(QUICK_SETTINGS.batch, 0)[0]
    take_step(state, QUICK_SETTINGS, batch)
    assert (state.step, state.skipped_steps, state.loss_sum) == (1, 1, 0)
    assert torch.equal(state.network.encoder[0].weight, before)
    state.skipped_steps = MAX_SKIPPED_STEPS
    with pytest.raises(RuntimeError, match=r"21 of 2 training steps had no finite gradient, but"):
        take_step(state, QUICK_SETTINGS, batch)


def test_other_settings_of_a_batch_are_named(finished):
    batch = dataclasses.replace(QUICK_SETTINGS.batch, series=9)
    settings = dataclasses.replace(QUICK_SETTINGS, batch=batch)
    with pytest.raises(InputError, match=r"it had batch series 8 instead of 9\. Use the same"):
        train_members(settings, [0], finished)


def test_another_generator_is_named(finished, monkeypatch):
    monkeypatch.setattr(training_state, "GENERATOR_VERSION", "none")
    with pytest.raises(InputError, match=r"it had generator \d+ instead of none"):
        train_members(QUICK_SETTINGS, [0], finished)
