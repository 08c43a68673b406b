"""The job in darts; it has no iTransformer and no PatchTST of its own to train."""

from typing import Any

import numpy as np
from protocol import KERNEL, Job, read_job, stopwatch, tell


def main() -> None:
    job = read_job()
    with stopwatch() as importing:
        from darts import TimeSeries, models  # pyright: ignore[reportMissingImports]

        kind = getattr(models, f"{job.model}Model")  # only now it is imported, and torch
    from measure import measure, part

    # One multivariate series: its windows are those of every other contender.
    training = TimeSeries.from_values(part(job, "training"))
    test = TimeSeries.from_values(part(job, "test"))
    model = kind(**_architecture(job), **_training(job))

    def fit() -> None:
        model.fit(training)

    def predict() -> np.ndarray:
        forecasts = model.historical_forecasts(
            test,
            forecast_horizon=job.work.horizon,
            retrain=False,
            overlap_end=False,
            last_points_only=False,
        )
        return np.stack([one.values(copy=False) for one in forecasts])

    def parameters() -> int:
        return sum(one.numel() for one in model.model.parameters() if one.requires_grad)

    tell(measure(job, importing[0], parameters, fit, predict))


def _training(job: Job) -> dict[str, Any]:
    work = job.work
    trainer: dict[str, Any] = {"accelerator": "cpu", "gradient_clip_val": 1.0, "logger": False}
    trainer |= {"enable_progress_bar": False, "enable_model_summary": False}
    trainer |= {"enable_checkpointing": False}
    if work.batches is not None:
        trainer["limit_train_batches"] = work.batches
    return {
        "input_chunk_length": work.lookback,
        "output_chunk_length": work.horizon,
        "batch_size": work.batch_size,
        "n_epochs": work.epochs,
        "optimizer_kwargs": {"lr": job.learning_rate},
        "random_state": job.seed,
        "use_reversible_instance_norm": job.revin,
        "pl_trainer_kwargs": trainer,
    }


def _architecture(job: Job) -> dict[str, Any]:
    chosen = job.parameters
    if job.model == "TSMixer":
        sizes = {"hidden_size": chosen["width"], "ff_size": chosen["width"]}
        sizes |= {"num_blocks": chosen["blocks"], "dropout": chosen["dropout"]}
        return {**sizes, "norm_type": "TimeBatchNorm2d", "normalize_before": True}
    shared: dict[str, Any] = {"shared_weights": True, "const_init": False}
    return shared | ({"kernel_size": KERNEL} if job.model == "DLinear" else {"normalize": True})


if __name__ == "__main__":
    main()
