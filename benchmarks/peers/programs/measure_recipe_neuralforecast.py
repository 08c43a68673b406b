"""The recipe for neuralforecast, compared with neuralforecast's own two RevIN layers."""

from typing import Any

import recipe_rows
import torch
from neuralforecast import NeuralForecast
from neuralforecast.losses.pytorch import MSE
from neuralforecast.models import PatchTST
from recipe_neuralforecast import RevINPatchTST
from torch import Tensor, nn

SIZES = {"hidden_size": 16, "linear_hidden_size": 32, "n_heads": 4, "encoder_layers": 1}
PATCHES = {"patch_len": 12, "stride": 6}
TRAINING = {
    **{"max_steps": recipe_rows.STEPS, "learning_rate": recipe_rows.RATE, "loss": MSE()},
    **{"windows_batch_size": 128, "random_seed": recipe_rows.SEED, "accelerator": "cpu"},
    **{"logger": False, "enable_progress_bar": False, "enable_model_summary": False},
}


class Direct(nn.Module):
    """A model's `forward`, called with windows."""

    def __init__(self, model: Any):
        super().__init__()
        self.model = model

    def forward(self, past: Tensor) -> Tensor:
        """Return the forecast of windows of one series."""
        names = ("futr_exog", "hist_exog", "stat_exog")
        observed = torch.ones_like(past)
        inputs = {"insample_y": past, "insample_mask": observed, **dict.fromkeys(names)}
        return self.model(inputs)


class Scaled(Direct):
    """The same between the two calls of the model's scaler, which its steps make."""

    def forward(self, past: Tensor) -> Tensor:
        """Return the forecast of windows of one series."""
        scaler = self.model.scaler
        values = past.unsqueeze(-1)
        forecast = super().forward(scaler.transform(values, torch.ones_like(values)).squeeze(-1))
        shift, scale = (one[:, :, 0] for one in (scaler.x_shift, scaler.x_scale))
        return scaler.inverse_transform(forecast, shift, scale)


def main() -> None:
    """Measure the recipe and its two rivals."""
    own = {"revin": True, "revin_affine": True, "revin_subtract_last": False}
    plain = {"revin": False}
    rows = [
        measure("RevINPatchTST", RevINPatchTST, {}, Direct),
        measure("PatchTST(revin=True)", PatchTST, own, Direct),
        measure(
            'PatchTST(scaler_type="revin")', PatchTST, plain | {"scaler_type": "revin"}, Scaled
        ),
    ]
    recipe_rows.print_rows("neuralforecast", rows)


def measure(name: str, model_class: Any, options: dict[str, Any], call: Any) -> dict[str, Any]:
    """Train a model, forecast the held-out rows, and check it."""
    sizes = (recipe_rows.HORIZON, recipe_rows.LOOKBACK)
    model = model_class(*sizes, **SIZES, **PATCHES, **TRAINING, **options)
    library = NeuralForecast([model], freq=1)
    table = library.cross_validation(
        build_table(), n_windows=None, test_size=recipe_rows.TEST_ROWS, step_size=sizes[0]
    )
    (column,) = set(table.columns) - {"unique_id", "ds", "cutoff", "y"}
    wide = table.pivot(index="ds", columns="unique_id", values=column)[
        recipe_rows.load_stocks().columns
    ]
    forecast = wide.to_numpy().reshape(-1, sizes[0], wide.shape[1])
    net = call(library.models[0])
    return recipe_rows.build_row(name, forecast, net, recipe_rows.get_checked_windows(1))


def build_table() -> Any:
    """Return the prices as one long table, whose times are integers."""
    values = recipe_rows.load_stocks().reset_index(names="ds")
    return values.melt("ds", var_name="unique_id", value_name="y")


if __name__ == "__main__":
    main()
