"""The recipe for darts, compared with `use_reversible_instance_norm` of the same model."""

from typing import Any

import numpy as np
import recipe_rows
from darts import TimeSeries
from darts.models.forecasting.pl_forecasting_module import (
    PLForecastingModule,
    io_processor,
)
from darts.utils.data.torch_datasets.utils import (
    PLModuleInput,
    PLModuleOutput,
)
from network import Net
from recipe_darts import RevINModel
from torch import Tensor, nn

EPOCH_STEPS = min(recipe_rows.STEPS, 20)
TRAINER = {
    **{"accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False},
    **{"logger": False, "limit_train_batches": EPOCH_STEPS},
}


class OwnModule(PLForecastingModule):
    """The network of the recipe with darts' layer, which the decorator applies."""

    def __init__(self, **options: Any):
        super().__init__(**options)
        self.net = Net(self.input_chunk_length, self.output_chunk_length)

    @io_processor
    def forward(self, x_in: Any) -> Any:
        """Return the forecast as darts expects it."""
        return PLModuleOutput(prediction=self.net(x_in.past_target).unsqueeze(-1))


class OwnModel(RevINModel):
    """The model of the recipe with the other module."""

    def _create_model(self, train_sample: Any) -> Any:
        return OwnModule(**self.pl_module_params)


class Direct(nn.Module):
    """A module's `forward`, called with windows."""

    def __init__(self, module: Any):
        super().__init__()
        self.module = module

    def forward(self, past: Tensor) -> Tensor:
        """Return the forecast of windows."""
        return self.module(PLModuleInput(past_target=past)).prediction.squeeze(-1)


def main() -> None:
    """Measure the recipe and its rival."""
    rows = [
        measure("RevINModel", RevINModel, False),
        measure("use_reversible_instance_norm=True", OwnModel, True),
    ]
    recipe_rows.print_rows("darts", rows)


def measure(name: str, model_class: Any, has_own_layer: bool) -> dict[str, Any]:
    """Train a model, forecast the held-out rows, and check it."""
    values = recipe_rows.load_stocks().to_numpy(np.float32)
    series = TimeSeries.from_values(values)
    model = model_class(
        recipe_rows.LOOKBACK,
        recipe_rows.HORIZON,
        batch_size=128,
        n_epochs=recipe_rows.STEPS // EPOCH_STEPS,
        optimizer_kwargs={"lr": recipe_rows.RATE},
        random_state=recipe_rows.SEED,
        use_reversible_instance_norm=has_own_layer,
        pl_trainer_kwargs=TRAINER,
    )
    model.fit(series[: -recipe_rows.TEST_ROWS])
    forecasts = model.historical_forecasts(
        series,
        start=len(values) - recipe_rows.TEST_ROWS,
        forecast_horizon=recipe_rows.HORIZON,
        stride=recipe_rows.HORIZON,
        retrain=False,
        last_points_only=False,
    )
    forecast = np.stack([one.values() for one in forecasts])
    windows = recipe_rows.get_checked_windows(values.shape[1])
    return recipe_rows.build_row(name, forecast, Direct(model.model), windows)


if __name__ == "__main__":
    main()
