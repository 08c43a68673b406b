"""Import the libraries of gradient training before its time limit begins."""

from functools import cache
from importlib import import_module

from revin_forecast.backbones import Pretrained, Ridge
from revin_forecast.shift.runner.store import StoredRun


def prepare_training(run: StoredRun) -> None:
    """Import the libraries of gradient training if a run needs them, once per process.

    They take two seconds of an idle machine, and many times as long on a busy one: a small time
    limit would fail the first sound model of every process.
    """
    backbone = run.planned.backbone.import_class()
    if run.planned.role != "reference" and not issubclass(backbone, Ridge | Pretrained):
        _import_trainer()


@cache
def _import_trainer() -> None:
    import_module("torch._dynamo")  # by the first optimizer, otherwise
    import_module("revin_forecast.training.train")
