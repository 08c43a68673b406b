from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from revin_forecast.cli.output import print_json
from revin_forecast.errors import InputError
from revin_forecast.forecasting.fitted import FittedModel
from revin_forecast.forecasting.onnx_export import ForecasterProgram, export_onnx
from revin_forecast.forecasting.saving import load_fitted
from revin_forecast.utils.progress import progress


def export(
    model: str,
    to: Literal["onnx"] = "onnx",
    out: str | None = None,
    level: list[float] | None = None,
    json: bool = False,
) -> None:
    """Write a saved forecaster as a file that other programs run.

    It takes raw values and returns raw forecasts, everything between inside.

    Args:
        model: the folder that `fit` wrote.
        to: the kind of file.
        out: the file; the folder's name with .onnx, here, if not given.
        level: percent; add the limits of these intervals to the outputs.
        json: print one JSON object instead of words.
    """
    fitted = load_fitted(Path(model))
    path = Path(out or f"{Path(model).resolve().name}.{to}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} in; make it.")
    with progress(f"exporting {model}"):
        outputs = export_onnx(fitted, path, level or ())
    if json:
        print_json({"model": model, **to_dict(fitted, path, level or ()), "outputs": outputs})
        return
    takes = f"(batch, {fitted.config.lookback}, {len(fitted.history.names)})"
    gives = f"(batch, {fitted.config.horizon}, {len(fitted.targets)})"
    print(
        f"{path}: past {takes}, float64 in the table's units, NaN where unobserved -> "
        f"{', '.join(outputs)} {gives}. "
        f'Run: onnxruntime.InferenceSession("{path}").run(None, {{"past": values}})'
    )


def to_dict(fitted: FittedModel, path: Path, levels: Sequence[float]) -> dict[str, object]:
    """Return what the file is, and how far it is from the model on the last rows fitted on.

    Args:
        fitted: what was exported.
        path: of the file.
        levels: percent, of its intervals.

    Returns:
        Plain values; the difference is the largest one, in training deviations.
    """
    import onnx
    import onnxruntime
    import torch

    past = torch.from_numpy(fitted.history.values.copy()).unsqueeze(0)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    program = ForecasterProgram(fitted, levels).eval()
    with torch.inference_mode():
        wanted = program(past)
    scale = program.scale[program.targets]
    found = map(torch.from_numpy, session.run(None, {"past": past.numpy()}))
    gaps = [(got - want).abs() / scale for got, want in zip(found, wanted, strict=True)]
    opsets = {one.domain: one.version for one in onnx.load(path).opset_import}
    return {
        "path": path,
        "bytes": path.stat().st_size,
        "opset": opsets[""],
        "lookback": fitted.config.lookback,
        "horizon": fitted.config.horizon,
        "channels": len(fitted.history.names),
        "targets": len(fitted.targets),
        "difference": max(float(gap.max()) for gap in gaps),
    }
