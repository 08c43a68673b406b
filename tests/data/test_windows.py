"""Windows as views, their batches and their order."""

import tracemalloc
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from revin_forecast.data.lightning_module import ForecastDataModule
from revin_forecast.data.windows import ShuffledBatches, Windows
from revin_forecast.errors import InputError


@given(rows=st.integers(5, 40), channels=st.integers(1, 4), seed=st.integers(0, 99))
def test_windows_are_the_rows_of_the_series(rows, channels, seed):
    values = torch.randn(rows, channels, generator=torch.Generator().manual_seed(seed))
    windows = Windows(values, lookback=3, horizon=2)
    assert len(windows) == rows - 4
    order = torch.randperm(len(windows), generator=torch.Generator().manual_seed(seed))
    past, future, _ = windows[order]
    for index, start in enumerate(order.tolist()):
        assert torch.equal(past[index], values[start : start + 3])
        assert torch.equal(future[index], values[start + 3 : start + 5])


def test_slices_are_views_and_batches_drop_nothing():
    values = torch.arange(22.0).reshape(11, 2)
    windows = Windows(values, 3, 2)
    assert windows[0:7].past.data_ptr() == values.data_ptr()
    batches = list(windows.iter_batches(3))
    assert [len(batch.past) for batch in batches] == [3, 3, 1]
    assert torch.equal(torch.cat([batch.future for batch in batches]), windows[:].future)


def test_a_hundred_thousand_windows_take_no_memory():
    values = torch.randn(100_431, 7)
    tracemalloc.start()
    windows = Windows(values, 336, 96)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(windows) == 100_000
    assert windows.values.data_ptr() == values.data_ptr()
    assert windows[:].past.untyped_storage().nbytes() == values.nbytes
    assert peak < values.nbytes


def test_windows_are_gathered_on_the_device_of_their_values():
    """Uses the meta device, which has shapes but no values."""
    values, known = torch.arange(40.0).reshape(20, 2), torch.zeros(20, 1)
    away = Windows(values, 3, 2, known).to("meta")
    assert len(away) == 16
    past, future, known_batch = away[torch.tensor([0, 5])]
    assert [part.device.type for part in (past, future, known_batch)] == ["meta"] * 3
    assert (past.shape, future.shape, known_batch.shape) == ((2, 3, 2), (2, 2, 2), (2, 5, 1))
    data = ForecastDataModule(Windows(values, 3, 2), Windows(values, 3, 2), batch_size=4)
    for device in ("cpu", "meta"):
        strategy = SimpleNamespace(root_device=torch.device(device))
        data.trainer = SimpleNamespace(global_rank=0, world_size=1, strategy=strategy)
        for loader in (data.train_dataloader(), data.val_dataloader()):
            (batches,) = loader
            first = batches[0] if isinstance(batches, list) else batches
            assert first.past.device.type == device


def test_too_few_rows():
    with pytest.raises(InputError, match="4 rows hold no window of look-back 3 and horizon 2"):
        Windows(torch.zeros(4, 1), 3, 2)


def test_order_depends_on_seed_and_epoch_alone():
    batches = ShuffledBatches(10, 4, seed=1)
    first = [batch.tolist() for batch in batches]
    assert sorted(number for batch in first for number in batch) == list(range(10))
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert len(batches) == 3
    batches.set_epoch(1)
    assert [batch.tolist() for batch in batches] != first
    batches.set_epoch(0)
    torch.rand(3)
    assert [batch.tolist() for batch in batches] == first
    assert [batch.tolist() for batch in ShuffledBatches(10, 4, seed=2)] != first
