"""Gradient training: learning, resume, early stopping, logs and compilation."""

import copy
import warnings

import pytest
import torch
from torch import nn

from revin_forecast.backbones import Linear
from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.windows import ShuffledBatches, Windows
from revin_forecast.errors import InputError
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import RevIN
from revin_forecast.training.settings import TrainingSettings
from revin_forecast.training.train import train


class Dropping(Linear):
    """Random in training: a resumed run must use the random numbers of an uninterrupted one."""

    def forward(self, past):
        return super().forward(nn.functional.dropout(past, 0.2, self.training))


def wave(rows=300):
    time = torch.arange(rows).float().unsqueeze(1)
    noise = 0.1 * torch.randn(rows, 2, generator=torch.Generator().manual_seed(0))
    return torch.sin(time * torch.tensor([0.3, 0.7])) + noise + time / 100


def build_model_and_data(model_class=Linear, batch_size=16):
    torch.manual_seed(0)
    values = wave()
    data = ForecastDataModule(
        Windows(values[:200], 12, 4), Windows(values[188:], 12, 4), batch_size=batch_size
    )
    return Reversible(model_class(12, 4, 2), RevIN(2)), data


def settings(**changes):
    return TrainingSettings(**({"max_epochs": 6, "learning_rate": 0.01, "patience": 6} | changes))


def have_same_weights(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def test_training_learns_and_loads_the_best_weights():
    model, data = build_model_and_data()
    before = validation_loss(model, data)
    result = train(model, data, settings())
    assert result.validation_loss < 0.5 * before
    assert result.validation_loss == pytest.approx(validation_loss(model, data), rel=1e-5)
    assert not model.training
    assert model.normalizer.affine_weight.grad is None or model.normalizer.affine_weight.std() > 0


def validation_loss(model, data):
    model.eval()
    past, future, _ = data.validation[:]
    with torch.no_grad():
        return (model(past) - future).square().mean().item()


@pytest.mark.parametrize("decay", [1.0, 0.7])
@pytest.mark.parametrize("model_class", [Linear, Dropping])
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(tmp_path, model_class, decay):
    whole, data = build_model_and_data(model_class)
    result = train(whole, data, settings(decay=decay), tmp_path / "whole")
    stopped, data = build_model_and_data(model_class)
    train(stopped, data, settings(decay=decay, max_epochs=3), tmp_path / "stopped")
    resumed, data = build_model_and_data(model_class)
    again = train(resumed, data, settings(decay=decay), tmp_path / "stopped", resume=True)
    assert again == result
    assert have_same_weights(resumed, whole)
    assert not have_same_weights(stopped, whole)


def test_same_seed_same_result_and_another_seed_another(tmp_path):
    runs = []
    for seed in (0, 0, 1):
        model, data = build_model_and_data(Dropping)
        data.seed = seed
        train(model, data, settings(seed=seed))
        runs.append(model)
    assert have_same_weights(runs[0], runs[1])
    assert not have_same_weights(runs[0], runs[2])


def test_training_is_a_plain_loop_over_the_same_batches():
    model, data = build_model_and_data()
    plain = copy.deepcopy(model).train()
    train(model, data, settings(max_epochs=2, decay=0.5, gradient_clip=0.3))
    optimizer = torch.optim.Adam(plain.parameters(), lr=0.01, fused=True)
    order = ShuffledBatches(len(data.training), 16)
    for epoch in range(2):
        optimizer.param_groups[0]["lr"] = 0.01 * 0.5**epoch
        order.set_epoch(epoch)
        for numbers in order:
            past, future, _ = data.training[numbers]
            optimizer.zero_grad()
            (plain(past) - future).square().mean().backward()
            nn.utils.clip_grad_norm_(plain.parameters(), 0.3)
            optimizer.step()
    for trained, expected in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(trained, expected)


@pytest.mark.parametrize("stretch_bytes", [1, 3 * 16 * 128, 2**20])
def test_batches_are_the_same_however_many_are_gathered_at_once(monkeypatch, stretch_bytes):
    _, data = build_model_and_data()
    monkeypatch.setattr("revin_forecast.data.lightning_module.CHUNK_BYTES", stretch_bytes)
    assert data.training.window_bytes == 128
    stretches = list(data.train_dataloader())
    batches = [batch for stretch in stretches for batch in stretch]
    assert len(stretches[0]) == max(1, min(stretch_bytes // (16 * 128), len(batches)))
    assert [len(batch.past) for batch in batches] == [16] * 11 + [9]
    for batch, numbers in zip(batches, ShuffledBatches(185, 16), strict=True):
        assert torch.equal(batch.past, data.training[numbers].past)
        assert torch.equal(batch.future, data.training[numbers].future)
        assert batch.known is None


def test_early_stopping():
    model, data = build_model_and_data()
    result = train(model, data, settings(max_epochs=50, learning_rate=1.0, patience=2))
    assert result.epochs < 50
    assert result.epochs - 1 - result.best_epoch >= 2


def test_training_with_gaps_stays_finite():
    model, data = build_model_and_data()
    for windows in (data.training, data.validation):
        gaps = torch.rand(windows.values.shape, generator=torch.Generator().manual_seed(1)) < 0.1
        windows.values[gaps] = torch.nan
    result = train(model, data, settings())
    assert all(part.isfinite().all() for part in model.state_dict().values())
    assert result.validation_loss < 0.5


def test_losses_and_logs(tmp_path, capfd):
    model, data = build_model_and_data()
    train(model, data, settings(max_epochs=2, loss="mae"), tmp_path)
    log = (tmp_path / "logs" / "metrics.csv").read_text().splitlines()
    assert "validation_loss" in log[0]
    assert "training_loss" in log[0]
    assert len(log) >= 3
    assert capfd.readouterr() == ("", "")
    past, future, _ = data.validation[:]
    with torch.no_grad():
        error = (model(past) - future).abs().mean().item()
    best = min(
        float(line.split(",")[log[0].split(",").index("validation_loss")] or 9) for line in log[1:]
    )
    assert best == pytest.approx(error, rel=1e-4)


def test_tensorboard_logs(tmp_path, monkeypatch):
    model, data = build_model_and_data()
    train(model, data, settings(max_epochs=1, logger="tensorboard"), tmp_path)
    assert list((tmp_path / "logs").glob("events.out.tfevents.*"))

    def absent(*_, **__):
        raise ModuleNotFoundError("tensorboardX")

    monkeypatch.setattr("revin_forecast.training.trainer.TensorBoardLogger", absent)
    with pytest.raises(InputError, match="needs a package that is not installed: pip install"):
        train(model, data, settings(max_epochs=1, logger="tensorboard"), tmp_path)


def test_progress_bar_is_shown_on_request(capfd):
    model, data = build_model_and_data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(model, data, settings(max_epochs=1, progress=True))
    out, err = capfd.readouterr()
    assert "Epoch" in err
    assert out == ""


def test_the_backbone_is_compiled_on_request(monkeypatch):
    """Check the call of torch.compile; other tests compile every backbone."""
    compile_modes, calls = [], []

    def record_compile(call, mode):
        compile_modes.append(mode)
        return lambda *inputs, **known: calls.append(mode) or call(*inputs, **known)

    monkeypatch.setattr(torch, "compile", record_compile)
    plain, compiled = build_model_and_data()[0], build_model_and_data()[0]
    compiled.load_state_dict(plain.state_dict())
    train(plain, build_model_and_data()[1], settings(max_epochs=1))
    assert compile_modes == []
    train(compiled, build_model_and_data()[1], settings(max_epochs=1, compile=True))
    assert compile_modes == ["default"]  # reduce-overhead on a GPU
    assert len(calls) > len(build_model_and_data()[1].train_dataloader())
    assert compiled.backbone._compiled_call_impl is None  # as it was before
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(compiled.state_dict()[name], weight)


def test_resume_without_a_run(tmp_path):
    model, data = build_model_and_data()
    with pytest.raises(InputError, match=r"no checkpoint to resume from at .*last\.ckpt"):
        train(model, data, settings(), tmp_path, resume=True)
    with pytest.raises(InputError, match="resume needs the folder"):
        train(model, data, settings(), resume=True)


def test_invalid_settings_raise_an_error():
    with pytest.raises(ValueError, match="training needs patience > 0 but got 0"):
        TrainingSettings(patience=0)
