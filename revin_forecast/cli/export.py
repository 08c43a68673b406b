"""The command `export`: write a saved forecaster as an ONNX file."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from revin_forecast.cli.output import print_json
from revin_forecast.errors import InputError
from revin_forecast.utils.progress import progress

if TYPE_CHECKING:  # Imported on use: the help must not wait for torch.
    from revin_forecast.forecasting.fitted import FittedModel


def export(
    model: str,
    to: Literal["onnx"] = "onnx",
    out: str | None = None,
    level: list[float] | None = None,
    json: bool = False,
) -> None:
    """Export a saved forecaster to a file that other programs can run.

    The exported model maps raw values to raw forecasts; scaling and normalization are part of it.

    Args:
        model: folder written by `fit`.
        to: file format.
        out: file to write; by default the folder's name with .onnx, in the current folder.
        level: levels of prediction intervals in percent, added to the outputs.
        json: print one JSON object instead of text.
    """
    with progress(f"loading {model}"):
        from revin_forecast.forecasting.onnx_export import export_onnx
        from revin_forecast.forecasting.saving import load_fitted

        fitted = load_fitted(Path(model))
    path = Path(out or f"{Path(model).resolve().name}.{to}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} in; create it.")
    with progress(f"exporting {model}"):
        outputs = export_onnx(fitted, path, level or ())
    if json:
        print_json({"model": model, **to_dict(fitted, path, level or ()), "outputs": outputs})
        return
    input_shape = f"(batch, {fitted.config.lookback}, {len(fitted.history.names)})"
    output_shape = f"(batch, {fitted.config.horizon}, {len(fitted.targets)})"
    print(
        f"{path}: past {input_shape}, float64 in the table's units, NaN where unobserved -> "
        f"{', '.join(outputs)} {output_shape}. "
        f'Run: onnxruntime.InferenceSession("{path}").run(None, {{"past": values}})'
    )


def to_dict(fitted: "FittedModel", path: Path, levels: Sequence[float]) -> dict[str, object]:
    """Return the properties of an exported file and its difference from the fitted model.

    Args:
        fitted: the exported model.
        path: path of the file.
        levels: interval levels in percent.

    Returns:
        Plain values. The difference is the largest absolute one on the last fitted rows, in
        standard deviations of the training rows.
    """
    # Imported here because onnx and onnxruntime are optional and slow to import.
    import onnx
    import onnxruntime
    import torch

    from revin_forecast.forecasting.onnx_export import ForecasterProgram

    past = torch.from_numpy(fitted.history.values.copy()).unsqueeze(0)
    # Run the written file itself, so that an error of the conversion shows in the difference.
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    program = ForecasterProgram(fitted, levels).eval()
    with torch.inference_mode():
        expected = program(past)
    scale = program.scale[program.targets]
    outputs = map(torch.from_numpy, session.run(None, {"past": past.numpy()}))
    differences = [
        (output - value).abs() / scale for output, value in zip(outputs, expected, strict=True)
    ]
    opsets = {opset.domain: opset.version for opset in onnx.load(path).opset_import}
    return {
        "path": path,
        "bytes": path.stat().st_size,
        "opset": opsets[""],
        "lookback": fitted.config.lookback,
        "horizon": fitted.config.horizon,
        "channels": len(fitted.history.names),
        "targets": len(fitted.targets),
        "difference": max(float(difference.max()) for difference in differences),
    }
