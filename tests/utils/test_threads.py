"""The number of threads goes by the job, comes again in a resumed run, and is put back."""

import json

import pytest
import torch
from torch import nn

from revin_forecast.errors import InputError
from revin_forecast.training.lightning_modules import ForecastingModule, clip_gradients
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train
from revin_forecast.utils import threads
from revin_forecast.utils.threads import choose_thread_count, count_flops, torch_threads
from tests.training.test_train import parts, same, settings


@pytest.fixture
def two_threads():
    with torch_threads(2):
        yield


def seen_threads(monkeypatch):
    """Collect the number of threads at each batch's loss."""
    seen, whole = set(), ForecastingModule.batch_loss

    def batch_loss(self, *given, **named):
        seen.add(torch.get_num_threads())
        return whole(self, *given, **named)

    monkeypatch.setattr(ForecastingModule, "batch_loss", batch_loss)
    return seen


def test_threads_grow_with_the_operations():
    counts = [
        choose_thread_count(operations, max_threads=8)
        for operations in (0, 10**6, 10**9, 2 * 10**9, 10**15)
    ]
    assert counts[0] == counts[1] == 1
    assert 1 < counts[2] < counts[3] < counts[4] == 8
    assert choose_thread_count(10**15, max_threads=1) == 1


def test_operations_are_counted_and_draw_nothing():
    linear, rows = nn.Linear(20, 30), torch.randn(5, 20)
    torch.manual_seed(1)
    wanted = torch.rand(3)
    torch.manual_seed(1)
    assert count_flops(lambda: nn.functional.dropout(linear(rows))) == 2 * 5 * 20 * 30
    assert torch.equal(torch.rand(3), wanted)


@pytest.mark.parametrize(("each", "wanted"), [(1, 2), (10**12, 1)])
def test_training_takes_the_threads_that_the_job_is_worth(
    each, wanted, two_threads, monkeypatch, tmp_path
):
    monkeypatch.setattr(threads, "FLOPS_PER_THREAD", each)
    seen = seen_threads(monkeypatch)
    model, data = parts()
    train(model, data, settings(max_epochs=1), tmp_path)
    assert seen == {wanted}
    assert torch.get_num_threads() == 2
    assert json.loads((tmp_path / "run.json").read_text())["threads"] == wanted
    with torch_threads(1):  # resumed where there is another number
        train(model, data, settings(max_epochs=2), tmp_path, resume=True)
        assert torch.get_num_threads() == 1
    assert seen == {wanted}


def test_threads_that_were_asked_for_are_taken_and_belong_to_the_run(monkeypatch, tmp_path):
    seen = seen_threads(monkeypatch)
    model, data = parts()
    train(model, data, settings(max_epochs=1, threads=2), tmp_path)
    assert seen == {2}
    with pytest.raises(InputError, match="threads 2 instead of 1"):
        train(model, data, settings(max_epochs=2, threads=1), tmp_path, resume=True)
    with pytest.raises(InputError, match="training needs threads >= 1 but got 0"):
        TrainingSettings(threads=0)


def test_a_record_without_later_options_is_that_of_their_defaults(tmp_path):
    model, data = parts()
    train(model, data, settings(max_epochs=1), tmp_path)
    record = tmp_path / "run.json"
    content = json.loads(record.read_text())
    for name in ("threads", "precision"):
        del content["options"][name]
    del content["threads"]
    record.write_text(json.dumps(content))
    assert train(model, data, settings(max_epochs=2), tmp_path, resume=True).epochs == 2


def test_bfloat16_learns_nearly_the_same(monkeypatch):
    whole, data = parts()
    half, _ = parts()
    result = train(whole, data, settings(max_epochs=2))
    other = train(half, data, settings(max_epochs=2, precision="bf16-mixed"))
    assert not same(whole, half)
    assert other.validation_loss == pytest.approx(result.validation_loss, rel=0.05)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: False)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "Old GPU")
    with pytest.raises(InputError, match="Old GPU has no bfloat16.*Leave the precision out"):
        train(half, data, settings(max_epochs=2, precision="bf16-mixed"))


@pytest.mark.parametrize("largest", [0.5, 1e3])
def test_gradients_are_shortened_as_torch_does(largest):
    ours, theirs = (nn.ParameterList(torch.ones(n) for n in (3, 5)) for _ in range(2))
    for one, other in zip(ours, theirs, strict=True):
        one.grad = torch.randn_like(one)
        other.grad = one.grad.clone()
    clip_gradients([{"params": [part]} for part in ours], largest)
    nn.utils.clip_grad_norm_(theirs, largest)
    assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours, theirs, strict=True))
