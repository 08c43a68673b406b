"""A fitted forecaster as one ONNX file: raw values in, raw forecasts out."""

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from revin_forecast import __version__
from revin_forecast.errors import InputError, format_install_command
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.models.intervals import interval_quantiles
from revin_forecast.models.quantiles import predict_quantiles
from revin_forecast.models.reversible import select_targets
from revin_forecast.utils.files import atomic_write

REQUIRED_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
MAX_BATCH = 2**16
TOLERANCE = 1e-4
"""Of the forecast's spread; the file must agree with the model to this."""


class ForecasterProgram(nn.Module):
    """From values in the table's units to forecasts in them.

    Standardizes in float64, so that a level of 1e6 with a deviation of 1 loses nothing, forecasts
    in float32, and goes back in float64.

    Args:
        fitted: what forecasts.
        levels: percent; each adds two outputs, the limits of its interval.

    Raises:
        InputError: it takes known inputs, or can't give these intervals.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, fitted: FittedModel, levels: Sequence[float] = ()):
        super().__init__()
        if fitted.config.covariates:
            raise InputError(
                f"this forecaster was fitted with known inputs ({list(fitted.config.covariates)}), "
                "which an ONNX file of past values can't take. Fit without them to export."
            )
        self.model = fitted.model
        self.intervals = fitted.intervals
        self.targets = fitted.targets
        self.quantile_levels = sorted(
            {bound for level in levels for bound in interval_quantiles(level)}
        )
        self.output_names = ["forecast"]
        for level in levels:
            self.output_names += [f"lo-{level:g}", f"hi-{level:g}"]
        self.quantile_indices = [
            self.quantile_levels.index(at) for level in levels for at in interval_quantiles(level)
        ]
        self.register_buffer("mean", torch.from_numpy(fitted.standardizer.mean))
        self.register_buffer("scale", torch.from_numpy(fitted.standardizer.scale))

    def forward(self, past: Tensor) -> tuple[Tensor, ...]:
        """Forecast.

        Args:
            past: (batch, lookback, channels) float64, NaN where unobserved.

        Returns:
            (batch, horizon, targets) float64: the forecast, then lower and upper limit of each
            interval.
        """
        z = ((past - self.mean) / self.scale).float()
        forecast = self.model(z)
        found = [forecast]
        if self.quantile_levels:
            quantiles = self._predict_quantiles(z, forecast)
            found += [quantiles[..., place] for place in self.quantile_indices]
        mean, scale = self.mean[self.targets], self.scale[self.targets]
        return tuple(part.double() * scale + mean for part in found)

    def _predict_quantiles(self, z: Tensor, forecast: Tensor) -> Tensor:
        own = predict_quantiles(self.model, z, self.quantile_levels)
        if own is not None:
            return own
        if self.intervals is None:
            raise InputError("this model has no intervals; leave --level out.")
        return self.intervals.quantiles(
            forecast, select_targets(self.model, z), self.quantile_levels
        )


def export_onnx(fitted: FittedModel, path: Path, levels: Sequence[float] = ()) -> list[str]:
    """Write a fitted forecaster as an ONNX file that is held against it before it is kept.

    Args:
        fitted: what forecasts.
        path: the file; an older one is replaced in one step.
        levels: percent; each adds two outputs, the limits of its interval.

    Returns:
        The names of the outputs.

    Raises:
        InputError: a package is missing, it can't be exported, or the file forecasts differently.
    """
    absent = [name for name in REQUIRED_PACKAGES if find_spec(name) is None]
    if absent:
        raise InputError(f"export needs {', '.join(absent)}: {format_install_command('export')}.")
    program = ForecasterProgram(fitted, levels).eval()
    history = torch.from_numpy(np.array(fitted.history.values)).unsqueeze(0)
    content = _export_program(program, history.repeat(3, 1, 1), _onnx_metadata(fitted))
    _verify_against_model(program, content, history)
    with atomic_write(path) as partial:
        partial.write_bytes(content)
    return program.output_names


def _export_program(program: ForecasterProgram, past: Tensor, description: dict[str, str]) -> bytes:
    """Return the file's content, for batches of any size."""
    import onnx

    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    try:
        with torch.no_grad(), silence_compiler():
            made = torch.onnx.export(
                program,
                (past,),
                input_names=["past"],
                output_names=program.output_names,
                dynamic_shapes=({0: batch},),
                dynamo=True,
                verbose=False,
            )
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:  # whatever the exporter meets in a model
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise InputError(f"this model can't be exported to ONNX: {reason}") from error
    assert made is not None
    proto = made.model_proto
    onnx.helper.set_model_props(proto, description)
    return proto.SerializeToString()


@contextmanager
def silence_compiler() -> Iterator[None]:
    """Keep back what torch says about its own parts while it compiles or exports a program."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _onnx_metadata(fitted: FittedModel) -> dict[str, str]:
    names = fitted.history.names
    described: dict[str, Any] = {
        "version": __version__,
        "names": names,
        "targets": [names[target] for target in fitted.targets],
        "lookback": fitted.config.lookback,
        "horizon": fitted.config.horizon,
        "frequency": fitted.history.frequency,
    }
    return {f"revin_forecast.{name}": json.dumps(value) for name, value in described.items()}


def _verify_against_model(program: ForecasterProgram, content: bytes, history: Tensor) -> None:
    """Compare file and model on the history, and on it moved, stretched and with gaps."""
    import onnxruntime

    gappy = history.clone()
    gappy[:, ::5] = torch.nan
    moved = program.mean + 3 * (history - program.mean) + program.scale
    past = torch.cat([history, moved, gappy])
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found = session.run(None, {"past": past.numpy()})
    with torch.inference_mode():
        wanted = program(past)
    for name, got, want in zip(program.output_names, found, wanted, strict=True):
        spread = program.scale[program.targets].numpy()
        gap = float(np.max(np.abs(got - want.numpy()) / spread))
        if not gap <= TOLERANCE:
            raise InputError(
                f"the ONNX file would give another {name}, by {gap:.2g} training deviations; "
                "nothing was written. The model does something that ONNX can't say."
            )
