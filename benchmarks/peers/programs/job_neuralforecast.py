"""The job in neuralforecast. It samples windows, so an epoch is as many steps as ours has."""

from typing import Any

import numpy as np
from protocol import HEADS, KERNEL, Job, read_job, stopwatch, tell


def main() -> None:
    job = read_job()
    with stopwatch() as importing:
        import pandas as pd
        from neuralforecast import models  # pyright: ignore[reportMissingImports]
        from neuralforecast.tsdataset import (  # pyright: ignore[reportMissingImports]
            TimeSeriesDataset,
        )
    from measure import measure

    values = np.load(job.rows.path)
    rows, channels = values.shape
    # Long, one series after the other; the integers of `ds` are hours.
    ids, steps = np.repeat(np.arange(channels), rows), np.tile(np.arange(rows), channels)
    table = pd.DataFrame({"unique_id": ids, "ds": steps, "y": values.T.reshape(-1)})
    data = TimeSeriesDataset.from_df(table)[0]
    kind = getattr(models, job.model)
    model = kind(**_asked(job, channels, kind.MULTIVARIATE))
    held = job.rows.test - job.rows.train
    tested = job.rows.test - job.rows.validation

    def fit() -> None:
        # What is held out is left out of training; nothing is validated.
        model.fit(data, test_size=held)

    def predict() -> np.ndarray:
        model.set_test_size(tested)
        ahead = model.predict(data, test_size=tested, step_size=1)
        return ahead.reshape(channels, -1, job.work.horizon).transpose(1, 2, 0)

    def parameters() -> int:
        return sum(one.numel() for one in model.parameters() if one.requires_grad)

    tell(measure(job, importing[0], parameters, fit, predict))


def _asked(job: Job, channels: int, multivariate: bool) -> dict[str, Any]:
    """Return the arguments of a model; the trainer's own are among them."""
    from neuralforecast.losses.pytorch import MSE  # pyright: ignore[reportMissingImports]

    work = job.work
    series = 1 if multivariate else channels  # a univariate model's window is one series'
    return {
        **{"h": work.horizon, "input_size": work.lookback, "loss": MSE()},
        **({"n_series": channels} if multivariate else {}),
        **_architecture(job),
        "max_steps": job.steps * work.epochs,
        "val_check_steps": job.steps * work.epochs,
        "learning_rate": job.learning_rate,
        "batch_size": channels,
        "windows_batch_size": work.batch_size * series,
        "inference_windows_batch_size": 256 * series,
        # Only whole windows: else it also trains on those that reach beyond the end.
        "training_data_availability_threshold": 1.0,
        "random_seed": job.seed,
        **{"accelerator": "cpu", "logger": False, "gradient_clip_val": 1.0},
        **{"enable_progress_bar": False, "enable_model_summary": False},
    }


def _architecture(job: Job) -> dict[str, Any]:
    chosen = job.parameters
    if job.model == "DLinear":
        return {"moving_avg_window": KERNEL, "scaler_type": "revin"}
    if job.model == "TSMixer":
        sizes = {"n_block": chosen["blocks"], "ff_dim": chosen["width"]}
        return {**sizes, "dropout": chosen["dropout"], "revin": True}
    if job.model == "iTransformer":
        sizes = {"hidden_size": chosen["width"], "d_ff": chosen["width"], "n_heads": HEADS}
        return {**sizes, "e_layers": chosen["layers"], "dropout": chosen["dropout"]}
    if job.model == "PatchTST":
        return {
            **{"hidden_size": chosen["width"], "linear_hidden_size": 2 * chosen["width"]},
            **{"encoder_layers": chosen["layers"], "n_heads": HEADS, "dropout": chosen["dropout"]},
            **{"patch_len": chosen["patch"], "stride": chosen["patch"] // 2},
            **{"head_dropout": chosen["dropout"], "res_attention": False},
            **{"revin": True, "revin_affine": True, "revin_subtract_last": False},
        }
    return {}


if __name__ == "__main__":
    main()
