"""Record outputs of the authors' iTransformer.

Clone https://github.com/thuml/iTransformer and check out the commit below. It needs einops and
reformer_pytorch.
"""

import importlib
from pathlib import Path
from types import SimpleNamespace

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import (
    attention_names,
    draw,
    join_keys_values,
    prepare,
    rename_weights,
    run_recording,
    squeeze_maps,
)
from revin_forecast import InvertedTransformer

SOURCE = Source(
    "https://github.com/thuml/iTransformer",
    "c2426e68ca13f74aaec08045c5c724d8ad328124",
    "`use_norm` is off: normalizing is the task of a normalizer here.",
)
PARAMETERS = {"lookback": 36, "horizon": 8, "channels": 3, "width": 8, "layers": 2}


def record(_: Path, out: Path) -> None:
    """Record two layers of four heads, without time stamps."""
    configuration = SimpleNamespace(
        seq_len=36, pred_len=8, output_attention=False, use_norm=False, d_model=8, d_ff=8,
        embed="timeF", freq="h", dropout=0.0, class_strategy="projection", factor=1, n_heads=4,
        activation="gelu", e_layers=2,
    )  # fmt: skip
    theirs = prepare(importlib.import_module("model.iTransformer").Model(configuration))
    names = {"enc_embedding.value_embedding.": "embed.", "projector.": "map."}
    names["encoder.norm."] = "norm."
    for index in range(2):
        origin, target = f"encoder.attn_layers.{index}", f"layers.{index}"
        names |= attention_names(f"{origin}.attention", f"{target}.attention")
        names |= {f"{origin}.conv1.": f"{target}.feed.0.", f"{origin}.conv2.": f"{target}.feed.3."}
        names |= {f"{origin}.norm{part + 1}.": f"{target}.norms.{part}." for part in range(2)}
    weights = squeeze_maps(join_keys_values(rename_weights(theirs.state_dict(), names)))
    ours = InvertedTransformer(**PARAMETERS).double()
    ours.load_state_dict(weights)
    past = draw(3, 36, 3)
    with torch.no_grad():
        outputs = {"forecast": theirs(past, None, None, None)}
    path = out / "InvertedTransformer.safetensors"
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, path)


if __name__ == "__main__":
    run_recording(record)
