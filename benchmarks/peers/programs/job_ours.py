"""The job in this package: the training loop of `fit` and `evaluate`."""

import numpy as np
from protocol import Job, Result, print_result, read_job, time_block


def do_job(job: Job) -> Result:
    """Do the job with the package's own loop."""
    with time_block() as importing:
        import torch
        from build_model import build_model

        from revin_forecast.data.lightning_module import ForecastDataModule
        from revin_forecast.data.windows import Windows
        from revin_forecast.training.settings import TrainingSettings
        from revin_forecast.training.train import train
    from measure import WINDOWS_PER_BATCH, load_part, measure_job

    work = job.work
    model = build_model(job, channels=load_part(job, "training").shape[1])
    training, validation, test = (
        Windows(torch.from_numpy(load_part(job, name)), work.lookback, work.horizon)
        for name in ("training", "validation", "test")
    )
    if work.batches is not None:  # the package's epochs are always whole, so it gets fewer windows
        count = min(len(training), work.batches * work.batch_size)
        values = training.values[: count + work.lookback + work.horizon - 1]
        training = Windows(values, work.lookback, work.horizon)
    settings = TrainingSettings(
        max_epochs=work.epochs,
        learning_rate=job.learning_rate,
        batch_size=work.batch_size,
        patience=work.epochs,
        seed=job.seed,
    )

    def fit() -> None:
        data = ForecastDataModule(training, validation, work.batch_size, job.seed)
        train(model, data, settings)

    @torch.inference_mode()
    def predict() -> np.ndarray:
        batches = test.iter_batches(WINDOWS_PER_BATCH)
        return torch.cat([model(past) for past, *_ in batches]).numpy()

    def count_parameters() -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    return measure_job(job, importing[0], count_parameters, fit, predict)


if __name__ == "__main__":
    print_result(do_job(read_job()))
