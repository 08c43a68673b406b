"""JSON for machines: strict, one object on a line of its own."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date
from enum import Enum
from pathlib import PurePath
from typing import Any

import numpy as np


def print_json(record: Mapping[str, object]) -> None:
    """Print a record as one line of strict JSON: what is no finite number is null.

    Args:
        record: plain values, or such of numpy, pandas (timestamps become ISO text), paths and
            dataclasses, nested as you like.

    Raises:
        TypeError: a value is of another kind.
    """
    print(json.dumps(to_jsonable(record), allow_nan=False))


def to_jsonable(value: Any) -> Any:
    """Return a value as JSON knows it: None, bool, int, float, text, lists and dictionaries.

    Raises:
        TypeError: it is of no kind that has such a form.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, np.datetime64):  # numbers, to item(), where they count nanoseconds
        return to_jsonable(value.astype("datetime64[us]").item())
    if isinstance(value, np.generic):
        return to_jsonable(value.item())
    if isinstance(value, date):  # pandas' timestamps are dates too, and NaT is one
        return None if value != value else value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): to_jsonable(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return [to_jsonable(one) for one in value]
    if is_dataclass(value) and not isinstance(value, type):
        return to_jsonable(asdict(value))
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, Enum):
        return to_jsonable(value.value)
    raise TypeError(f"{type(value).__name__} has no form in JSON.")
