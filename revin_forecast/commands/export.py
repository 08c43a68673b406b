from pathlib import Path
from typing import Literal

from revin_forecast.errors import InputError
from revin_forecast.exporting import export_onnx
from revin_forecast.saving import load


def export(
    model: str,
    to: Literal["onnx"] = "onnx",
    out: str | None = None,
    level: list[float] | None = None,
) -> None:
    """Write a saved forecaster as a file that other programs run.

    It takes raw values and returns raw forecasts, everything between inside.

    Args:
        model: the folder that `fit` wrote.
        to: the kind of file.
        out: the file; the folder's name with .onnx, here, if not given.
        level: percent; add the limits of these intervals to the outputs.
    """
    fitted = load(Path(model))
    path = Path(out or f"{Path(model).resolve().name}.{to}")
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {path.parent} to write {path.name} in; make it.")
    outputs = export_onnx(fitted, path, level or ())
    takes = f"(batch, {fitted.recipe.lookback}, {len(fitted.history.names)})"
    gives = f"(batch, {fitted.recipe.horizon}, {len(fitted.targets)})"
    print(
        f"{path}: past {takes}, float64 in the table's units, NaN where unobserved -> "
        f"{', '.join(outputs)} {gives}. "
        f'Run: onnxruntime.InferenceSession("{path}").run(None, {{"past": values}})'
    )
