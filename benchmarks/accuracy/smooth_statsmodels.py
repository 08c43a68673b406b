"""Smooth series with statsmodels; `smoothing_check` runs this in an environment with it."""

import sys
from pathlib import Path

import numpy as np
from statsmodels.tsa.exponential_smoothing.ets import (  # pyright: ignore[reportMissingImports]
    ETSModel,
)


def smooth(
    values: np.ndarray, parameters: np.ndarray, level: float, slope: float, seasonal: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one-step errors (rows,), last states (level, slope, season) and the next season.

    Args:
        values: (rows,).
        parameters: alpha, beta, phi, gamma, and 1 for a season or 0.
        level: state before the first row.
        slope: state before the first row.
        seasonal: (season,) states of the first rows.
    """
    alpha, beta, phi, gamma, has_season = parameters
    options = {"initial_level": level}
    rates = {"smoothing_level": alpha}
    if beta:
        options |= {"trend": "add", "damped_trend": bool(phi < 1), "initial_trend": slope}
        rates |= {"smoothing_trend": beta} | ({"damping_trend": phi} if phi < 1 else {})
    if has_season:
        season = len(seasonal)
        options |= {"seasonal": "add", "seasonal_periods": season, "initial_seasonal": seasonal}
        rates["smoothing_seasonal"] = gamma
    model = ETSModel(values, error="add", initialization_method="known", **options)
    result = model.smooth([rates[name] for name in model.param_names])
    states = [result.level[-1], result.slope[-1] if beta else 0.0]
    ahead = result.season[-len(seasonal) :] if has_season else np.zeros(len(seasonal))
    return values - result.fittedvalues, np.array(states), ahead


def main(source: str, target: str) -> None:
    """Smooth each series of one .npz file with each combination, and write another file."""
    inputs = np.load(source)
    results = [
        [
            smooth(values, parameters, level, slope, seasonal)
            for values, level, slope, seasonal in zip(
                inputs["values"].T,
                inputs["level"],
                inputs["slope"],
                inputs["seasonal"].T,
                strict=True,
            )
        ]
        for parameters in inputs["parameters"]
    ]
    errors, states, seasonal = (
        np.array([[result[part] for result in row] for row in results]) for part in range(3)
    )
    with Path(target).open("wb") as file:
        np.savez_compressed(file, errors=errors, states=states, seasonal=seasonal)


if __name__ == "__main__":
    main(*sys.argv[1:])
