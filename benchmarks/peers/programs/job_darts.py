"""The job in darts, which has no iTransformer and no PatchTST of its own to train."""

from typing import Any

import numpy as np
from protocol import KERNEL, Job, print_result, read_job, time_block


def main() -> None:
    """Do the job."""
    job = read_job()
    with time_block() as importing:
        from darts import TimeSeries, models  # pyright: ignore[reportMissingImports]

        # Only this attribute imports the model, and with it torch.
        model_class = getattr(models, f"{job.model}Model")
    from measure import load_part, measure_job

    # One multivariate series: its windows are those of every other entry.
    training = TimeSeries.from_values(load_part(job, "training"))
    test = TimeSeries.from_values(load_part(job, "test"))
    model = model_class(**_build_architecture(job), **_build_training(job))

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
        return np.stack([forecast.values(copy=False) for forecast in forecasts])

    def count_parameters() -> int:
        parameters = model.model.parameters()
        return sum(parameter.numel() for parameter in parameters if parameter.requires_grad)

    print_result(measure_job(job, importing[0], count_parameters, fit, predict))


def _build_training(job: Job) -> dict[str, Any]:
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
        "use_reversible_instance_norm": job.has_revin,
        "pl_trainer_kwargs": trainer,
    }


def _build_architecture(job: Job) -> dict[str, Any]:
    parameters = job.parameters
    if job.model == "TSMixer":
        sizes = {"hidden_size": parameters["width"], "ff_size": parameters["width"]}
        sizes |= {"num_blocks": parameters["blocks"], "dropout": parameters["dropout"]}
        return {**sizes, "norm_type": "TimeBatchNorm2d", "normalize_before": True}
    shared: dict[str, Any] = {"shared_weights": True, "const_init": False}
    return shared | ({"kernel_size": KERNEL} if job.model == "DLinear" else {"normalize": True})


if __name__ == "__main__":
    main()
