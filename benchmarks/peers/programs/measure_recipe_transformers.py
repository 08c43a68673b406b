"""The recipe for transformers, compared with PatchTSTForPrediction's own scaler."""

import tempfile
from typing import Any

import numpy as np
import recipe_rows
import torch
from recipe_transformers import RevINPatchTST
from transformers import (
    PatchTSTConfig,
    PatchTSTForPrediction,
    Trainer,
    TrainingArguments,
)

SIZES = {"d_model": 16, "num_hidden_layers": 1, "num_attention_heads": 4, "ffn_dim": 32}
WINDOW = recipe_rows.LOOKBACK + recipe_rows.HORIZON


def main() -> None:
    """Measure the recipe and its rival."""
    rows = [
        measure("RevINPatchTST", RevINPatchTST, None),
        measure('PatchTSTForPrediction(scaling="std")', PatchTSTForPrediction, "std"),
    ]
    recipe_rows.print_rows("transformers", rows)


def measure(name: str, model_class: Any, scaling: str | None) -> dict[str, Any]:
    """Train a model with transformers' trainer, forecast the held-out rows, and check it."""
    values = torch.from_numpy(recipe_rows.load_stocks().to_numpy(np.float32))
    lookback = recipe_rows.LOOKBACK
    config = PatchTSTConfig(
        num_input_channels=values.shape[1],
        context_length=lookback,
        prediction_length=recipe_rows.HORIZON,
        patch_length=12,
        patch_stride=6,
        scaling=scaling,
        **SIZES,
    )
    torch.manual_seed(recipe_rows.SEED)
    model = model_class(config)
    train_model(model, values[: -recipe_rows.TEST_ROWS])
    cutoffs = recipe_rows.list_cutoffs(len(values))
    past = torch.stack([values[cutoff - lookback : cutoff] for cutoff in cutoffs])
    with torch.no_grad():
        forecast = model.eval()(past_values=past).prediction_outputs.numpy()
    windows = {"past_values": recipe_rows.get_checked_windows(values.shape[1])}
    return recipe_rows.build_row(name, forecast, model, windows)


def train_model(model: Any, values: torch.Tensor) -> None:
    """Train a model on all windows of some rows."""
    windows = [values[start : start + WINDOW] for start in range(len(values) - WINDOW + 1)]
    lookback = recipe_rows.LOOKBACK
    data: Any = [
        {"past_values": one[:lookback], "future_values": one[lookback:]} for one in windows
    ]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            max_steps=recipe_rows.STEPS,
            learning_rate=recipe_rows.RATE,
            per_device_train_batch_size=128,
            seed=recipe_rows.SEED,
            use_cpu=True,
            report_to=[],
            save_strategy="no",
            disable_tqdm=True,
        )
        Trainer(model, arguments, train_dataset=data).train()


if __name__ == "__main__":
    main()
