import numpy as np


def to_student_t(normals: np.ndarray, degrees_of_freedom: float) -> np.ndarray:
    """Turn standard normal numbers into Student's t with the same ranks and unit variance.

    Args:
        normals: of any shape.
        freedom: degrees, above 2; infinite: the numbers stay as they are.

    >>> heavier(np.array([-1.0, 1.0, 3.0]), 5.0).round(2)
    array([-0.86,  0.86,  4.27])
    """
    if np.isinf(degrees_of_freedom):
        return normals
    # Imported here: few sources need it, and it takes a while.
    from scipy.special import ndtr, stdtrit

    # By the lower tail: near 1 a probability can't tell large numbers apart.
    quantile = -stdtrit(degrees_of_freedom, ndtr(-np.abs(normals)))
    return np.sign(normals) * quantile * np.sqrt((degrees_of_freedom - 2) / degrees_of_freedom)
