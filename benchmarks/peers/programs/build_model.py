"""The models of the jobs that this package's backbones do."""

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


def build_model(job: Job, channels: int) -> Reversible:
    """Build the model of a job, with weights drawn from its seed."""
    torch.manual_seed(job.seed)
    sizes = (job.work.lookback, job.work.horizon, channels)
    backbone = BACKBONES[job.model](*sizes, **job.parameters)
    return Reversible(backbone, RevIN(channels) if job.has_revin else LastValue(channels))
