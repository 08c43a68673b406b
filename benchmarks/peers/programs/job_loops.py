"""The job without any library: over batches that are there already, or over a DataLoader."""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any

import numpy as np
from protocol import Job, Result, read_job, stopwatch, tell


def do(job: Job, loop: str) -> Result:
    """Do the job with the "tensor" loop, or with the "dataset" one of research code."""
    with stopwatch() as importing:
        import torch
        from build_model import built
        from torch import nn
        from window_loops import gathered, loader

        import_module("torch._dynamo")  # as the first optimizer would
    from measure import measure, part

    data = part(job, "training")
    model = built(job, channels=data.shape[1])
    batches = {"tensor": gathered, "dataset": loader}[loop]
    training = batches(data, job.work, shuffle=True)
    test = batches(part(job, "test"), job.work, shuffle=False)

    def fit() -> None:
        model.train()
        optimizer = torch.optim.Adam(model.parameters(), lr=job.learning_rate)
        for past, future in _epochs(training, job):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(past), future)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    @torch.inference_mode()
    def predict() -> np.ndarray:
        model.eval()
        return torch.cat([model(past) for past, _ in test]).numpy()

    def parameters() -> int:
        return sum(one.numel() for one in model.parameters())

    return measure(job, importing[0], parameters, fit, predict)


def _epochs(batches: Iterable[Any], job: Job) -> Iterator[Any]:
    for _ in range(job.work.epochs):
        yield from islice(batches, job.steps)


if __name__ == "__main__":
    tell(do(read_job(), sys.argv[2]))
