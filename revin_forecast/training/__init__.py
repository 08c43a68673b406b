"""Training by gradient, with Lightning."""

from revin_forecast.training.checkpoints import TrainingResult
from revin_forecast.training.modules import ForecastingModule, PretrainingModule
from revin_forecast.training.train import train

__all__ = ["ForecastingModule", "PretrainingModule", "TrainingResult", "train"]
