"""The job as this package does it: the training loop behind `fit` and `evaluate`."""

import numpy as np
from protocol import Job, Result, read_job, stopwatch, tell


def do(job: Job) -> Result:
    """Do the job with the package's own loop."""
    with stopwatch() as importing:
        import torch
        from build_model import built

        from revin_forecast.data.lightning_module import ForecastDataModule
        from revin_forecast.data.windows import Windows
        from revin_forecast.training.settings import TrainingSettings
        from revin_forecast.training.train import train
    from measure import WINDOWS_AT_ONCE, measure, part

    work = job.work
    model = built(job, channels=part(job, "training").shape[1])
    training, validation, test = (
        Windows(torch.from_numpy(part(job, name)), work.lookback, work.horizon)
        for name in ("training", "validation", "test")
    )
    if work.batches is not None:  # the package's epochs are whole: it gets fewer windows
        count = min(len(training), work.batches * work.batch_size)
        kept = training.values[: count + work.lookback + work.horizon - 1]
        training = Windows(kept, work.lookback, work.horizon)
    settings = TrainingSettings(
        max_epochs=work.epochs,
        learning_rate=job.learning_rate,
        batch_size=work.batch_size,
        patience=work.epochs,
        seed=job.seed,
    )

    def fit() -> None:
        train(model, ForecastDataModule(training, validation, work.batch_size, job.seed), settings)

    @torch.inference_mode()
    def predict() -> np.ndarray:
        batches = test.iter_batches(WINDOWS_AT_ONCE)
        return torch.cat([model(past) for past, *_ in batches]).numpy()

    def parameters() -> int:
        return sum(one.numel() for one in model.parameters())

    return measure(job, importing[0], parameters, fit, predict)


if __name__ == "__main__":
    tell(do(read_job()))
