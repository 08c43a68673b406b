import numpy as np


def find_last_observed(past: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the step and the value of the last observed entry, each (windows, channels).

    Args:
        past: (windows, lookback, channels); NaN is unobserved. Where nothing is observed the
            value is NaN.
    """
    age = np.argmax(np.isfinite(past[:, ::-1]), axis=1)
    step = past.shape[1] - 1 - age
    return step, np.take_along_axis(past, step[:, None], axis=1)[:, 0]
