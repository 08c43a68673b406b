"""Record outputs of the authors' DDN.

Clone https://github.com/Hank0626/DDN and check out the commit below. Their module imports
pywavelets, pytorch_wavelets and statsmodels, which have to be installed for the recording.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw, draw_centred, prepare, run_recording
from revin_forecast import DDN

SOURCE = Source(
    "https://github.com/Hank0626/DDN",
    "72b8d9c595ca81e70500919689f8715ed133e6d2",
    "Windows have mean 0 and deviation 1, and two biases are 0: the class here centres the window "
    "first, relates the added 1e-5 to its deviation and has no biases. No predicted deviation is "
    "below 1 % of the mean one, which is the bound here.",
)
LOOKBACK, HORIZON, CHANNELS, WIDTH = 32, 8, 2, 6


def record(_: Path, out: Path) -> None:
    """Record a network with one block, and a linear one with an even window."""
    home = importlib.import_module("models.DDN")
    # In float64, and not perturbed: their filter is a parameter, but it is not learned.
    coiflet = importlib.import_module("pywt").Wavelet("coif3").dec_lo
    for variant, window, layers in (("DDN", 7, 1), ("DDN_linear", 4, 0)):
        theirs: Any = prepare(home.DDN(build_configuration(window, layers)))
        theirs.dwt.hac.data = torch.tensor(coiflet, dtype=torch.float64)
        theirs.dwt_ratio.data = torch.tensor([0.3, 0.6], dtype=torch.float64).reshape(1, -1, 1)
        theirs.mlp.std_pred.weight.data *= 0.2  # no deviation is near 0
        for bias in (theirs.mlp.m_concat[0].bias, theirs.mlp.s_concat[0].bias):
            bias.data.zero_()
        parameters: dict[str, Any] = {
            "lookback": LOOKBACK,
            "horizon": HORIZON,
            "channels": CHANNELS,
            "window": window,
            "hidden": WIDTH,
            "layers": layers,
        }
        ours = DDN(**parameters).double()
        ours.load_state_dict(convert_weights(theirs))
        past = draw_centred(3, LOOKBACK, CHANNELS)
        past /= past.std(1, keepdim=True, correction=0)
        future = draw(3, HORIZON, CHANNELS)
        with torch.no_grad():
            normalized, statistics, _ = theirs.normalize(past)
            forecast = theirs.de_normalize(future, statistics)
        inputs = {"past": past, "future": future}
        outputs = {"normalized": normalized, "forecast": forecast}
        path = out / f"{variant}.safetensors"
        write_fixture(ours, inputs, outputs, parameters, SOURCE, path)


def build_configuration(window: int, layers: int) -> SimpleNamespace:
    """Return the authors' configuration, with one level of the wavelet transform."""
    return SimpleNamespace(
        seq_len=LOOKBACK,
        pred_len=HORIZON,
        label_len=0,
        features="M",
        enc_in=CHANNELS,
        dec_in=CHANNELS,
        c_out=CHANNELS,
        station_type="adaptive",
        kernel_len=window,
        hkernel_len=5,
        wavelet="coif3",
        j=1,
        learnable=False,
        pd_model=WIDTH,
        pd_ff=WIDTH,
        pe_layers=layers,
        dr=0.0,
    )


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Return the authors' weights under the names here; the biases, which are 0, are left out."""
    state = theirs.state_dict()
    weights = {"wavelet_share": state["dwt_ratio"].flatten()}
    for ours, letter, word in (("mean_network", "m", "mean"), ("scale_network", "s", "std")):
        weights[f"{ours}.from_window.weight"] = state[f"mlp.{letter}_project.0.weight"]
        weights[f"{ours}.from_statistic.weight"] = state[f"mlp.{word}_proj.0.weight"]
        weights[f"{ours}.join.weight"] = state[f"mlp.{letter}_concat.0.weight"]
        weights[f"{ours}.out.weight"] = state[f"mlp.{word}_pred.weight"]
        for name, value in state.items():
            if name.startswith(f"mlp.{word}_ffn."):
                block, _, layer, kind = name.removeprefix(f"mlp.{word}_ffn.").split(".")
                weights[f"{ours}.blocks.{block}.{layer}.{kind}"] = value
    return weights


if __name__ == "__main__":
    run_recording(record)
