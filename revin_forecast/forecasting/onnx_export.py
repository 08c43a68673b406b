"""Export a fitted forecaster as one ONNX file that maps raw values to raw forecasts."""

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
from revin_forecast.utils.shapes import Future, Past

MAX_SMOOTHED_STEPS = 60
"""Most rows that a model may smooth: each is a part of the program, which takes .3 s to export."""
REQUIRED_PACKAGES = ("onnx", "onnxscript", "onnxruntime")
MAX_BATCH = 2**16
"""Largest batch that the exported program declares."""
TOLERANCE = 1e-4
"""Largest difference between the file's and the model's forecast, in training deviations."""


class ForecasterProgram(nn.Module):
    """The exported program: values in the table's units to forecasts in the table's units.

    It standardizes in float64, so that a level of 1e6 with a deviation of 1 loses no digits,
    forecasts in float32, and maps back in float64. Forecasts stay between the minimum and the
    maximum of the model's range of values. They are not rounded to whole numbers: close to a half,
    two runtimes would round to different ones.

    Args:
        fitted: the model to export.
        levels: interval levels in percent; each adds two outputs, the limits of its interval.

    Raises:
        InputError: the model takes known inputs, or has no such intervals.
    """

    mean: Tensor
    scale: Tensor
    minimum: Tensor
    maximum: Tensor

    def __init__(self, fitted: FittedModel, levels: Sequence[float] = ()):
        super().__init__()
        if fitted.config.covariates:
            raise InputError(
                f"this forecaster was fitted with known inputs ({list(fitted.config.covariates)}), "
                "which an ONNX file of past values can't take. Fit without them to export."
            )
        self.model = fitted.get_model(fitted.dtype)
        self.dtype = fitted.dtype
        self.intervals = fitted.intervals
        self.targets = fitted.targets
        self.quantile_levels = sorted(
            {quantile for level in levels for quantile in interval_quantiles(level)}
        )
        self.output_names = ["forecast"]
        for level in levels:
            self.output_names += [f"lo-{level:g}", f"hi-{level:g}"]
        self.quantile_indices = [
            self.quantile_levels.index(quantile)
            for level in levels
            for quantile in interval_quantiles(level)
        ]
        # Buffers, so that the exporter stores them in the file and keeps them in float64.
        self.register_buffer("mean", torch.from_numpy(fitted.standardizer.mean))
        self.register_buffer("scale", torch.from_numpy(fitted.standardizer.scale))
        value_range = fitted.value_range
        no_limit = np.full(len(fitted.targets), np.inf)
        minimum = -no_limit if value_range is None else value_range.minimum
        maximum = no_limit if value_range is None else value_range.maximum
        self.register_buffer("minimum", torch.from_numpy(minimum))
        self.register_buffer("maximum", torch.from_numpy(maximum))

    def forward(self, past: Past) -> tuple[Tensor, ...]:
        """Forecast a batch of windows.

        Args:
            past: (batch, lookback, channels) float64, NaN where unobserved.

        Returns:
            (batch, horizon, targets) float64: the forecast, then the lower and the upper limit of
            each interval.
        """
        z = ((past - self.mean) / self.scale).to(self.dtype)
        forecast = self.model(z)
        outputs = [forecast]
        if self.quantile_levels:
            quantiles = self._predict_quantiles(z, forecast)
            outputs += [quantiles[..., index] for index in self.quantile_indices]
        mean, scale = self.mean[self.targets], self.scale[self.targets]
        values = (output.double() * scale + mean for output in outputs)
        return tuple(value.maximum(self.minimum).minimum(self.maximum) for value in values)

    def _predict_quantiles(self, z: Past, forecast: Future) -> Tensor:
        """Return (batch, horizon, targets, levels) in standardized units."""
        model_quantiles = predict_quantiles(self.model, z, self.quantile_levels)
        if model_quantiles is not None:
            return model_quantiles
        if self.intervals is None:
            raise InputError("this model has no intervals; leave --level out.")
        return self.intervals.quantiles(
            forecast, select_targets(self.model, z), self.quantile_levels
        )


def export_onnx(fitted: FittedModel, path: Path, levels: Sequence[float] = ()) -> list[str]:
    """Write a fitted forecaster as an ONNX file, after checking the file against the model.

    Args:
        fitted: the model to export.
        path: path of the file; an existing one is replaced atomically.
        levels: interval levels in percent; each adds two outputs, the limits of its interval.

    Returns:
        The names of the outputs.

    Raises:
        InputError: a package is missing, the model can't be exported, or the file forecasts
            differently.
    """
    if fitted.smooths_whole_history and fitted.config.lookback > MAX_SMOOTHED_STEPS:
        raise InputError(
            f"this model smooths its last {fitted.config.lookback} rows one after the other (ETS), "
            f"and an ONNX file holds at most {MAX_SMOOTHED_STEPS} such steps. Name a backbone to "
            "export: --backbone Ridge."
        )
    absent = [name for name in REQUIRED_PACKAGES if find_spec(name) is None]
    if absent:
        raise InputError(f"export needs {', '.join(absent)}: {format_install_command('export')}.")
    program = ForecasterProgram(fitted, levels).eval()
    history = torch.from_numpy(np.array(fitted.history.values)).unsqueeze(0)
    # Traced with a batch of 3: torch.export specializes dimensions of size 1 to a constant.
    content = _export_program(program, history.repeat(3, 1, 1), _build_metadata(fitted))
    _verify_against_model(program, content, history)
    with atomic_write(path) as partial:
        partial.write_bytes(content)
    return program.output_names


@contextmanager
def silence_compiler() -> Iterator[None]:
    """Suppress torch's warnings about its own internals while it compiles or exports a program."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _export_program(program: ForecasterProgram, past: Past, metadata: dict[str, str]) -> bytes:
    """Return the file's content, for batches of any size."""
    import onnx

    batch = torch.export.Dim("batch", min=1, max=MAX_BATCH)
    try:
        with torch.no_grad(), silence_compiler():
            exported = torch.onnx.export(
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
    except Exception as error:  # a user's module can make the exporter raise anything
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise InputError(f"this model can't be exported to ONNX: {reason}") from error
    assert exported is not None
    proto = exported.model_proto
    onnx.helper.set_model_props(proto, metadata)
    return proto.SerializeToString()


def _build_metadata(fitted: FittedModel) -> dict[str, str]:
    names = fitted.history.names
    metadata: dict[str, Any] = {
        "version": __version__,
        "names": names,
        "targets": [names[target] for target in fitted.targets],
        "lookback": fitted.config.lookback,
        "horizon": fitted.config.horizon,
        "frequency": fitted.history.frequency,
    }
    return {f"revin_forecast.{name}": json.dumps(value) for name, value in metadata.items()}


def _verify_against_model(program: ForecasterProgram, content: bytes, history: Past) -> None:
    """Compare the file with the model on the history, on a shifted and scaled copy, and with gaps.

    Raises:
        InputError: an output differs by more than the tolerance.
    """
    import onnxruntime

    gappy = history.clone()
    gappy[:, ::5] = torch.nan
    shifted = program.mean + 3 * (history - program.mean) + program.scale
    past = torch.cat([history, shifted, gappy])
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    outputs = session.run(None, {"past": past.numpy()})
    with torch.inference_mode():
        expected_outputs = program(past)
    for name, output, expected in zip(program.output_names, outputs, expected_outputs, strict=True):
        spread = program.scale[program.targets].numpy()
        difference = float(np.max(np.abs(output - expected.numpy()) / spread))
        if not difference <= TOLERANCE:  # written so that NaN fails, too
            raise InputError(
                f"the ONNX file would give another {name}, by {difference:.2g} training "
                "deviations; nothing was written. The model does something that ONNX can't express."
            )
