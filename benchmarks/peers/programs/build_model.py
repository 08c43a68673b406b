"""The models of the jobs, from this package."""

import torch
from protocol import Job

from revin_forecast.backbones import DLinear, InvertedTransformer, Linear, PatchTST, TSMixer
from revin_forecast.models.reversible import Reversible
from revin_forecast.normalizers import LastValue, RevIN

BACKBONES = {
    "NLinear": Linear,
    "DLinear": DLinear,
    "TSMixer": TSMixer,
    "iTransformer": InvertedTransformer,
    "PatchTST": PatchTST,
}


def built(job: Job, channels: int) -> Reversible:
    """Build a job's model, its weights drawn from the job's seed."""
    torch.manual_seed(job.seed)
    sizes = (job.work.lookback, job.work.horizon, channels)
    backbone = BACKBONES[job.model](*sizes, **job.parameters)
    return Reversible(backbone, RevIN(channels) if job.revin else LastValue(channels))
