"""Record outputs of the authors' Informer.

Clone https://github.com/zhouhaoyi/Informer2020 and check out the commit below.
"""

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.authors.fixture import Source, write_fixture
from benchmarks.authors.recording import (
    attention_names,
    draw,
    join_keys_values,
    prepare,
    rename_weights,
    run_recording,
    squeeze_maps,
    use_float64_positions,
)
from revin_forecast import Informer

REPOSITORY = "https://github.com/zhouhaoyi/Informer2020"
COMMIT = "29f2a739226a509202a092b464163da81fa74960"
SMALL = (
    "Sines of positions in float64; `mix=False`, since their default reads the heads and steps "
    "of the decoder's attention in the wrong order; on windows this short, all queries are active."
)
LONG = (
    "As for `Informer`, and three parts of their ProbSparse attention are replaced: all queries "
    "share evenly spread keys, not random ones of their own; the activity subtracts the mean of "
    "the sampled logits, not their sum over the number of all keys; an inactive query of the "
    "decoder gets the running mean of the values, not their sum. Counts of sampled keys and of "
    "active queries are equal for these lengths."
)
WIDTH, HEADS, CHANNELS, COVARIATES = 8, 2, 2, 4


def record(_: Path, out: Path) -> None:
    """Record dense attention on short windows and sparse attention on long ones."""
    home = importlib.import_module("models.model")
    for name, lookback, horizon, differences in (
        ("Informer", 12, 8, SMALL),
        ("Informer_sparse", 48, 12, LONG),
    ):
        theirs = home.Informer(
            CHANNELS, CHANNELS, CHANNELS, lookback, lookback // 2, horizon,
            d_model=WIDTH, n_heads=HEADS, e_layers=2, d_layers=1, d_ff=4 * WIDTH,
            embed="timeF", mix=False,
        )  # fmt: skip
        theirs = prepare(theirs)
        use_float64_positions(theirs)
        if name == "Informer_sparse":
            replace_sampling(importlib.import_module("models.attn"))
        sizes = {"lookback": lookback, "horizon": horizon, "channels": CHANNELS}
        parameters = sizes | {"covariates": COVARIATES, "width": WIDTH, "heads": HEADS}
        ours = Informer(**parameters).double()
        ours.load_state_dict(convert_weights(theirs))
        past, known = draw(3, lookback, CHANNELS), draw(3, lookback + horizon, COVARIATES)
        label = past[:, lookback // 2 :]
        decoder_input = torch.cat([label, label.new_zeros(3, horizon, CHANNELS)], dim=1)
        with torch.no_grad():
            forecast = theirs(past, known[:, :lookback], decoder_input, known[:, lookback // 2 :])
        inputs = {"past": past, "known": known}
        source = Source(REPOSITORY, COMMIT, differences)
        path = out / f"{name}.safetensors"
        write_fixture(ours, inputs, {"forecast": forecast}, parameters, source, path)


class Sampling:
    """The functions of torch, with evenly spread numbers for random ones.

    Their attention draws keys by `randint` and calls `div` only for the mean of the logits, with
    the number of all keys.
    """

    def __init__(self):
        self.sampled = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    def randint(self, count: int, shape: tuple[int, int]) -> Tensor:
        """Return the same evenly spread keys for each query."""
        queries, self.sampled = shape
        return (torch.arange(self.sampled) * count // self.sampled).expand(queries, -1)

    def div(self, total: Tensor, _: int) -> Tensor:
        """Return the mean over the sampled keys."""
        return total / self.sampled


def replace_sampling(home: ModuleType) -> None:
    """Let the authors' ProbSparse attention sample and fill as the package's does."""
    home.torch = Sampling()  # type: ignore[attr-defined]
    build_context = home.ProbAttention._get_initial_context

    def build_mean_context(self: Any, values: Tensor, queries: int) -> Tensor:
        context = build_context(self, values, queries)
        if self.mask_flag:
            context = context / torch.arange(1, queries + 1).unsqueeze(-1)
        return context

    home.ProbAttention._get_initial_context = build_mean_context


def convert_weights(theirs: nn.Module) -> dict[str, Tensor]:
    """Return the weights by our names."""
    names = {f"{part}_embedding.position_embedding": "" for part in ("enc", "dec")}
    for part in ("encoder", "decoder"):
        names[f"{part[:3]}_embedding.value_embedding.tokenConv."] = f"{part}_embedding.values."
        names[f"{part[:3]}_embedding.temporal_embedding.embed."] = f"{part}_embedding.known."
    weights = join_keys_values(rename_weights(theirs.state_dict(), names | layer_names()))
    for part in ("encoder", "decoder"):
        # Two biases act as one.
        bias = weights.pop(f"{part}_embedding.values.bias")
        weights[f"{part}_embedding.known.bias"] = weights[f"{part}_embedding.known.bias"] + bias
    return squeeze_maps(weights)


def layer_names() -> dict[str, str]:
    """Return the prefixes of encoder and decoder for `rename_weights`."""
    names: dict[str, str] = {}
    layers = {f"encoder.attn_layers.{index}": f"encoder.{index}" for index in range(2)}
    for origin, target in layers.items():
        names |= attention_names(f"{origin}.attention", f"{target}.attention")
    layers["decoder.layers.0"] = "decoder"
    names |= attention_names("decoder.layers.0.self_attention", "decoder.attention")
    names |= attention_names("decoder.layers.0.cross_attention", "decoder.cross")
    for origin, target in layers.items():
        names |= {f"{origin}.conv1.": f"{target}.feed.0.", f"{origin}.conv2.": f"{target}.feed.3."}
        names |= {f"{origin}.norm{index + 1}.": f"{target}.norms.{index}." for index in range(3)}
    names["encoder.conv_layers.0.downConv."] = "distil.convolve."
    names["encoder.conv_layers.0.norm."] = "distil.norm."
    return names | {"encoder.norm.": "norms.0.", "decoder.norm.": "norms.1.", "projection.": "map."}


if __name__ == "__main__":
    run_recording(record)
