"""The job in a plain loop, over batches gathered before or over a DataLoader."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np
from protocol import Job, Result, print_result, read_job, time_block


def do_job(job: Job, loop: str) -> Result:
    """Do the job with the "tensor" loop, or with the "dataset" loop of research code."""
    with time_block() as importing:
        import torch
        from build_model import build_model
        from torch import nn
        from window_loops import gather_batches, make_loader

        import_module("torch._dynamo")  # the first optimizer would import it, in the timed part
    from measure import load_part, measure_job

    data = load_part(job, "training")
    model = build_model(job, channels=data.shape[1])
    make_batches = {"tensor": gather_batches, "dataset": make_loader}[loop]
    training = make_batches(data, job.work, shuffle=True)
    test = make_batches(load_part(job, "test"), job.work, shuffle=False)

    def fit() -> None:
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=job.learning_rate)
        for past, future in _iter_epochs(training, job):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(past), future)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    @torch.inference_mode()
    def predict() -> np.ndarray:
        model.eval()
        return torch.cat([model(past) for past, _ in test]).numpy()

    def count_parameters() -> int:
        return sum(parameter.numel() for parameter in model.parameters())

    return measure_job(job, importing[0], count_parameters, fit, predict)


def _iter_epochs(batches: Iterable[Any], job: Job) -> Iterator[Any]:
    for _ in range(job.work.epochs):
        yield from islice(batches, job.steps)


if __name__ == "__main__":
    print_result(do_job(read_job(), sys.argv[2]))
