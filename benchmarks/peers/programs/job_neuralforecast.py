"""The job in neuralforecast, which samples windows: an epoch has as many steps as ours."""

from typing import Any

import numpy as np
from protocol import HEADS, KERNEL, Job, print_result, read_job, time_block


def main() -> None:
    """Do the job."""
    job = read_job()
    with time_block() as importing:
        import pandas as pd
        from neuralforecast import models  # pyright: ignore[reportMissingImports]
        from neuralforecast.tsdataset import (  # pyright: ignore[reportMissingImports]
            TimeSeriesDataset,
        )
    from measure import measure_job

    values = np.load(job.rows.path)
    rows, channels = values.shape
    # A long table, one series after the other; the integers of `ds` are hours.
    ids, steps = np.repeat(np.arange(channels), rows), np.tile(np.arange(rows), channels)
    table = pd.DataFrame({"unique_id": ids, "ds": steps, "y": values.T.reshape(-1)})
    data = TimeSeriesDataset.from_df(table)[0]
    model_class = getattr(models, job.model)
    model = model_class(**_build_arguments(job, channels, model_class.MULTIVARIATE))
    held_out_rows = job.rows.test - job.rows.train
    test_rows = job.rows.test - job.rows.validation

    def fit() -> None:
        # Held-out rows are left out of training; there is no validation.
        model.fit(data, test_size=held_out_rows)

    def predict() -> np.ndarray:
        model.set_test_size(test_rows)
        forecast = model.predict(data, test_size=test_rows, step_size=1)
        return forecast.reshape(channels, -1, job.work.horizon).transpose(1, 2, 0)

    def count_parameters() -> int:
        parameters = model.parameters()
        return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)

    print_result(measure_job(job, importing[0], count_parameters, fit, predict))


def _build_arguments(job: Job, channels: int, multivariate: bool) -> dict[str, Any]:
    """Return the arguments of a model, which include those of the trainer."""
    from neuralforecast.losses.pytorch import MSE  # pyright: ignore[reportMissingImports]

    work = job.work
    series = 1 if multivariate else channels  # a window of a univariate model is of one series
    return {
        **{"h": work.horizon, "input_size": work.lookback, "loss": MSE()},
        **({"n_series": channels} if multivariate else {}),
        **_build_architecture(job),
        "max_steps": job.steps * work.epochs,
        "val_check_steps": job.steps * work.epochs,
        "learning_rate": job.learning_rate,
        "batch_size": channels,
        "windows_batch_size": work.batch_size * series,
        "inference_windows_batch_size": 256 * series,
        # Only whole windows; otherwise it also trains on those that reach beyond the end.
        "training_data_availability_threshold": 1.0,
        "random_seed": job.seed,
        **{"accelerator": "cpu", "logger": False, "gradient_clip_val": 1.0},
        **{"enable_progress_bar": False, "enable_model_summary": False},
    }


def _build_architecture(job: Job) -> dict[str, Any]:
    parameters = job.parameters
    if job.model == "DLinear":
        return {"moving_avg_window": KERNEL, "scaler_type": "revin"}
    if job.model == "TSMixer":
        sizes = {"n_block": parameters["blocks"], "ff_dim": parameters["width"]}
        return {**sizes, "dropout": parameters["dropout"], "revin": True}
    if job.model == "iTransformer":
        sizes = {"hidden_size": parameters["width"], "d_ff": parameters["width"]}
        sizes |= {"n_heads": HEADS, "e_layers": parameters["layers"]}
        return {**sizes, "dropout": parameters["dropout"]}
    if job.model == "PatchTST":
        width, dropout = parameters["width"], parameters["dropout"]
        return {
            **{"hidden_size": width, "linear_hidden_size": 2 * width, "n_heads": HEADS},
            **{"encoder_layers": parameters["layers"], "dropout": dropout},
            **{"patch_len": parameters["patch"], "stride": parameters["patch"] // 2},
            **{"head_dropout": dropout, "res_attention": False},
            **{"revin": True, "revin_affine": True, "revin_subtract_last": False},
        }
    return {}


if __name__ == "__main__":
    main()
