"""Record outputs of the authors' SparseTSF.

Clone https://github.com/lss-1138/SparseTSF and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import draw_centred, prepare, run_recording
from revin_forecast import SparseTSF

SOURCE = Source(
    "https://github.com/lss-1138/SparseTSF",
    "b8c2740eecc84d8095ffce49ba5acafe68e53bb8",
    "Windows have mean 0: their class subtracts the mean, which is the task of a normalizer here.",
)
LOOKBACK, HORIZON, CHANNELS, SEASON, WIDTH = 48, 12, 2, 6, 8


def record(_: Path, out: Path) -> None:
    """Record the linear map over seasons and the one with a hidden layer."""
    home = importlib.import_module("models.SparseTSF")
    for kind in ("linear", "mlp"):
        configuration = SimpleNamespace(
            seq_len=LOOKBACK,
            pred_len=HORIZON,
            enc_in=CHANNELS,
            period_len=SEASON,
            d_model=WIDTH,
            model_type=kind,
        )
        theirs = prepare(home.Model(configuration))
        sizes = {"lookback": LOOKBACK, "horizon": HORIZON, "channels": CHANNELS}
        parameters = sizes | {"season": SEASON, "width": WIDTH if kind == "mlp" else None}
        ours = SparseTSF(**parameters).double()
        names = {"conv1d": "smooth", kind: "map"}
        weights = {
            f"{names[name.split('.')[0]]}.{name.partition('.')[2]}": value
            for name, value in theirs.state_dict().items()
        }
        ours.load_state_dict(weights)
        past = draw_centred(3, LOOKBACK, CHANNELS)
        with torch.no_grad():
            outputs = {"forecast": theirs(past)}
        path = out / ("SparseTSF.safetensors" if kind == "linear" else "SparseTSF_mlp.safetensors")
        write_fixture(ours, {"past": past}, outputs, parameters, SOURCE, path)


if __name__ == "__main__":
    run_recording(record)
