"""Record outputs of the authors' FITS.

Clone https://github.com/VEWOXIC/FITS and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw_standard, run_recording
from revin_forecast import FITS

SOURCE = Source(
    "https://github.com/VEWOXIC/FITS",
    "d040bb015b6299da26d879b90dd19c80fb72c160",
    "Windows have mean 0 and variance 1, so that their standardization does not change them; the "
    "forecast is the last part of their output, which also has the reconstructed look-back.",
)
PARAMETERS = {"lookback": 48, "horizon": 12, "channels": 2, "season": 24, "harmonics": 2}


def record(_: Path, out: Path) -> None:
    """Record a map of 16 frequencies that all channels share."""
    lookback, horizon, channels = 48, 12, 2
    frequencies = (lookback // 24 + 1) * 2 + 10
    configuration = SimpleNamespace(
        seq_len=lookback,
        pred_len=horizon,
        enc_in=channels,
        cut_freq=frequencies,
        individual=False,
    )
    theirs = importlib.import_module("models.FITS").Model(configuration).to(torch.cdouble)
    layer = theirs.freq_upsampler
    torch.nn.init.normal_(layer.weight, 0, 0.5)
    torch.nn.init.normal_(layer.bias, 0, 0.5)
    ours = FITS(**PARAMETERS).double()
    bias = torch.stack([layer.bias.real, layer.bias.imag])
    weights = {"real": layer.weight.real, "imaginary": layer.weight.imag, "bias": bias}
    ours.load_state_dict(weights)
    past = draw_standard(3, lookback, channels, correction=1)
    with torch.no_grad():
        outputs = {"forecast": theirs(past)[0][:, -horizon:]}
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, out / "FITS.safetensors")


if __name__ == "__main__":
    run_recording(record)
