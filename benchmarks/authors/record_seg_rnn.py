"""Record outputs of the authors' SegRNN.

Clone https://github.com/lss-1138/SegRNN and check out the commit below.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import (
    draw_ending_at_zero,
    prepare,
    rename_weights,
    run_recording,
)
from revin_forecast import SegRNN

SOURCE = Source(
    "https://github.com/lss-1138/SegRNN",
    "8e869ecfdf1daab3a0ba14d1d620796c1a5d2c4f",
    "The last value of a window is 0: their class subtracts it, which is the task of a normalizer "
    "here.",
)
PARAMETERS = {"lookback": 36, "horizon": 12, "channels": 3, "segment": 6, "width": 8}


def record(_: Path, out: Path) -> None:
    """Record a GRU with parallel decoding and embeddings of the channels."""
    configuration = SimpleNamespace(
        seq_len=36,
        pred_len=12,
        enc_in=3,
        d_model=8,
        dropout=0.0,
        rnn_type="gru",
        dec_way="pmf",
        seg_len=6,
        channel_id=True,
        revin=False,
    )
    theirs = prepare(importlib.import_module("models.SegRNN").Model(configuration))
    ours = SegRNN(**PARAMETERS).double()
    names = {"valueEmbedding.": "embed.", "rnn.": "rnn.", "predict.": "decode."}
    names |= {"pos_emb": "places", "channel_emb": "series"}
    ours.load_state_dict(rename_weights(theirs.state_dict(), names))
    past = draw_ending_at_zero(3, 36, 3)
    with torch.no_grad():
        outputs = {"forecast": theirs(past)}
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, out / "SegRNN.safetensors")


if __name__ == "__main__":
    run_recording(record)
