"""Record outputs of the authors' TimesNet.

Clone https://github.com/thuml/Time-Series-Library and check out the commit below. It needs einops.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import (
    draw_standard,
    prepare,
    rename_weights,
    run_recording,
)
from revin_forecast import TimesNet

SOURCE = Source(
    "https://github.com/thuml/Time-Series-Library",
    "4e938a1767106324dd753b2a44832bf870a0252e",
    "Fixed periods for those of the batch's mean spectrum, whose amplitudes are divided by the "
    "root of the number of steps; no sines of positions in the embedding; windows have mean 0 and "
    "variance 1, so that their standardization does not change them.",
)
PERIODS = (24, 12, 8)
SIZES: dict[str, Any] = {"lookback": 36, "horizon": 12, "channels": 2}
PARAMETERS = SIZES | {"periods": PERIODS, "width": 4, "blocks": 2, "kernels": 2}


def record(_: Path, out: Path) -> None:
    """Record two blocks of two kernels on fixed periods."""
    configuration = SimpleNamespace(
        task_name="long_term_forecast", seq_len=36, label_len=18, pred_len=12, e_layers=2,
        enc_in=2, c_out=2, d_model=4, d_ff=4, embed="timeF", freq="h", dropout=0.0, top_k=3,
        num_kernels=2,
    )  # fmt: skip
    home = importlib.import_module("models.TimesNet")
    home.FFT_for_Period = measure_periods  # type: ignore[attr-defined]
    theirs = prepare(home.Model(configuration))
    theirs.get_buffer("enc_embedding.position_embedding.pe").zero_()
    names = {"enc_embedding.value_embedding.tokenConv.": "embed.", "enc_embedding.": ""}
    names |= {"predict_linear.": "lengthen.", "layer_norm.": "norm.", "projection.": "map."}
    names |= {
        f"model.{block}.conv.{layer}.kernels.": f"blocks.{block}.{layer}.convolutions."
        for block in range(2)
        for layer in (0, 2)
    }
    ours = TimesNet(**PARAMETERS).double()
    ours.load_state_dict(rename_weights(theirs.state_dict(), names))
    past = draw_standard(3, 36, 2)
    with torch.no_grad():
        outputs = {"forecast": theirs(past, None, None, None)}
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, out / "TimesNet.safetensors")


def measure_periods(steps: Tensor, _: int) -> tuple[list[int], Tensor]:
    """Return the fixed periods and their mean amplitudes in each window."""
    count = steps.shape[1]
    spectrum = torch.fft.rfft(steps, dim=1, norm="ortho").abs().mean(-1)
    return list(PERIODS), spectrum[:, [count // period for period in PERIODS]]


if __name__ == "__main__":
    run_recording(record)
