"""Record outputs of the authors' PatchTST.

Clone https://github.com/yuqinie98/PatchTST, check out the commit below and pass the folder
PatchTST_supervised.
"""

import importlib
from pathlib import Path

import torch

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import (
    draw,
    join_keys_values,
    prepare,
    rename_weights,
    run_recording,
)
from revin_forecast import PatchTST

SOURCE = Source(
    "https://github.com/yuqinie98/PatchTST",
    "204c21efe0b39603ad6e2ca640ef5896646ab1a9",
    "`revin` is off, as normalizing is the task of a normalizer here, and so is `res_attention`, "
    "which adds the logits of one layer to those of the next and is not in the paper.",
)
PARAMETERS = {"lookback": 36, "horizon": 8, "channels": 2, "patch": 8, "width": 8, "layers": 2}
HEADS = 4


def record(_: Path, out: Path) -> None:
    """Record two layers with batch norms."""
    theirs = prepare(
        importlib.import_module("layers.PatchTST_backbone").PatchTST_backbone(
            c_in=2, context_window=36, target_window=8, patch_len=8, stride=4,
            n_layers=2, d_model=8, n_heads=HEADS, d_ff=16, padding_patch="end",
            res_attention=False, revin=False,
        )
    )  # fmt: skip
    names = {"backbone.W_P.": "embed.", "backbone.W_pos": "positions", "head.linear.": "map."}
    for index in range(2):
        origin, target = f"backbone.encoder.layers.{index}", f"layers.{index}"
        attention = {"W_Q": "query", "W_K": "keys", "W_V": "values", "to_out.0": "out"}
        names |= {
            f"{origin}.self_attn.{name}.": f"{target}.attention.{part}."
            for name, part in attention.items()
        }
        names[f"{origin}.self_attn.sdp_attn.scale"] = ""
        names |= {f"{origin}.norm_attn.1.": f"{target}.norms.0."}
        names |= {f"{origin}.norm_ffn.1.": f"{target}.norms.1.", f"{origin}.ff.": f"{target}.feed."}
        # A constant that is a parameter without a gradient, in float32.
        theirs.get_parameter(f"{origin}.self_attn.sdp_attn.scale").data.fill_((8 // HEADS) ** -0.5)
    weights = join_keys_values(rename_weights(theirs.state_dict(), names))
    # They flatten (width, patches), the package (patches, width).
    weights["map.weight"] = weights["map.weight"].unflatten(1, (8, -1)).mT.flatten(1)
    ours = PatchTST(**PARAMETERS).double()
    ours.load_state_dict(weights)
    past = draw(3, 36, 2)
    with torch.no_grad():
        outputs = {"forecast": theirs(past.mT).mT}
    write_fixture(ours, {"past": past}, outputs, PARAMETERS, SOURCE, out / "PatchTST.safetensors")


if __name__ == "__main__":
    run_recording(record)
